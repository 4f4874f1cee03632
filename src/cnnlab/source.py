"""Which source this runs from: what tables and runs name beside hardware and versions."""

import subprocess
from datetime import date
from pathlib import Path


def source_commit() -> str:
    """Return the commit of the checkout this runs from, with `+` if it has changes; empty elsewhere."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(root: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def source_and_day() -> dict[str, str]:
    """Return the commit and today's date, for a table that is made of what is measured now."""
    return {"commit": source_commit(), "date": date.today().isoformat()}

"""The table of docs/serve.md and docs/deploy.md, from what `cnnlab bench serve --json` has printed."""

import json
from pathlib import Path

from cnnlab.reporting import short_commit

HEADER = ["network", "clients", "requests/s", "p50", "p95", "p99", "longest", "failed", "ready", "memory"]


def served(*paths: Path) -> str:
    """Return a table with a row for each file and number of clients, and where it was measured."""
    if not paths:
        return "Not measured yet: `make bench-serve` does it.\n"
    all_found = [json.loads(path.read_text()) for path in paths]
    lines = [f"| {' | '.join(HEADER)} |", f"|---|{'--:|' * (len(HEADER) - 1)}"]
    for found in all_found:
        for place, load in enumerate(found["loads"]):
            is_first = place == 0
            times = [f"{1000 * load[key]:.0f} ms" for key in ("p50_s", "p95_s", "p99_s", "longest_s")]
            cells = [
                f"`{found['network']}`" if is_first else "",
                f"{load['clients']}",
                f"{load['requests_per_s']:,.0f}",
                *times,
                f"{load['failed']} of {load['requests']:,}",
                f"{found['ready_s']:.2f} s" if is_first else "",
                f"{found['memory_bytes'] / 1e6:.0f} MB" if is_first else "",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    places = {
        f"{found['cpu']}, {found['cores']} cores, commit {short_commit(found['commit'])}, {found['date']}"
        for found in all_found
    }
    return "\n".join([*lines, "", f"{'; '.join(sorted(places))}. Memory when ready."]) + "\n"

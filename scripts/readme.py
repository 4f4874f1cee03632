"""Write the generated parts of README.md and of the pages of studies; `--tour` also runs README.md's tour."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import export_page
import performance_page
import serve_page

from cnnlab.models import layers_of, list_models, model_info
from cnnlab.reporting import read_comparison, to_markdown

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
STUDIES = ROOT / "docs" / "studies"
FIGURES = STUDIES / "mnist" / "comparison.json"
STUDY_PAGES = {ROOT / "docs" / f"{name}.md": name for name in ("origins", "pretraining")}
PERFORMANCE = ROOT / "docs" / "performance"
TRAINING = [PERFORMANCE / f"{part}.json" for part in ("train-lrn", "train", "train-large")]
IN_BOTH_PRECISIONS = [path.with_name(f"bf16-{path.name}") for path in TRAINING]
TOUR = re.compile(r"```sh\n(?P<commands>.*?)```\n\n```text\n(?P<printed>.*?)```\n", re.DOTALL)


def networks() -> str:
    lines = [
        "| network | year | images | parameters | MACs | what it is |",
        "|---|--:|---|--:|--:|---|",
    ]
    for name in list_models():
        info = model_info(name)
        table = layers_of(name)
        shape = f"{info.in_channels}x{info.image_size}x{info.image_size}"
        macs = f"{table.macs / 1e6:,.1f} M"
        lines.append(f"| `{name}` | {info.year} | {shape} | {table.parameters:,} | {macs} | {info.source} |")
    return "\n".join(lines) + "\n"


def figures() -> str:
    return to_markdown(read_comparison(FIGURES))


def study(name: str) -> str:
    whole, part = STUDIES / f"{name}.md", STUDIES / f"{name}-part.md"
    path = whole if whole.exists() else part
    if not path.exists():
        return (
            "The whole study has not been run yet, so that there is no table here: `make studies` does it.\n"
        )
    _title, _, text = path.read_text().partition("\n")
    text = re.sub(r"^##", "###", text.strip(), flags=re.MULTILINE)
    return re.sub(r"\]\(([\w-]+\.png)\)", r"](studies/\1)", text) + "\n"


def exports() -> str:
    return export_page.exports(PERFORMANCE / "export.json")


def served() -> str:
    return serve_page.served(*sorted(PERFORMANCE.glob("serve-*.json")))


GENERATED = {
    README: {"networks": networks, "figures": figures},
    PERFORMANCE.with_suffix(".md"): {
        "training": partial(performance_page.training, *TRAINING),
        "goals": partial(performance_page.goals, PERFORMANCE),
        "goals-bf16": partial(performance_page.goals_in_either, *IN_BOTH_PRECISIONS),
        "training-bf16": partial(performance_page.training, *IN_BOTH_PRECISIONS),
        "precision": partial(study, "precision"),
        "norm": lambda: performance_page.cost_of_norm(*sorted(PERFORMANCE.glob("norm-*.json"))),
        "inference": partial(performance_page.inference, PERFORMANCE / "infer.json"),
        "sources": partial(performance_page.sources, PERFORMANCE / "data.json"),
        "time-to": lambda: performance_page.time_to(*sorted(PERFORMANCE.glob("time-to-*.json"))),
    },
    ROOT / "docs" / "export.md": {"exports": exports},
    ROOT / "docs" / "serve.md": {"served": served},
    ROOT / "docs" / "deploy.md": {"exports": exports, "served": served},
    **{page: {"study": partial(study, name)} for page, name in STUDY_PAGES.items()},
}


def with_generated_parts(text: str, page: Path = README) -> str:
    for name, make in GENERATED[page].items():
        block = re.compile(rf"(<!-- begin {name}:.*?-->\n)(.*?)(<!-- end {name} -->)", re.DOTALL)
        place = block.search(text)
        assert place, f"{page.name} has no place for {name}"
        text = text.replace(place[0], f"{place[1]}\n{make()}\n{place[3]}")
    return text


def with_tour(text: str) -> str:
    """Run the tour's commands one after the other in an empty folder, as a reader would."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "docs").symlink_to(ROOT / "docs")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment: list[str] = [f'PATH="{path}"\n']

        def rerun(match: re.Match[str]) -> str:
            commands = match["commands"]
            script = "set -euo pipefail\n" + "".join(environment) + commands
            done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True)
            assert done.returncode == 0, f"{commands}\n{done.stderr}"
            if "RUN=" in commands:
                run = next(Path(folder, "runs").iterdir()).relative_to(folder)
                environment.append(f"RUN={run}\n")
            printed = (done.stderr + done.stdout).rstrip()
            printed = "\n".join(line.rstrip() for line in printed.splitlines())
            return f"```sh\n{commands}```\n\n```text\n{printed}\n```\n"

        return TOUR.sub(rerun, text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tour", action="store_true", help="run the tour and paste its output")
    args = parser.parse_args()
    for page in GENERATED.keys() - {README}:
        page.write_text(with_generated_parts(page.read_text(), page))
    text = with_generated_parts(README.read_text())
    README.write_text(with_tour(text) if args.tour else text)


if __name__ == "__main__":
    main()

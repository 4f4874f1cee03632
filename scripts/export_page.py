"""The table of docs/export.md, from what `cnnlab export --json` has printed."""

import json
from pathlib import Path

from cnnlab.reporting import short_commit

FORMS = {"run": "the run, in PyTorch", "int8": "onnx, int8"}


def exports(path: Path) -> str:
    found = json.loads(path.read_text())
    lines: list[str] = []
    for network in found["networks"]:
        rows = [network, *(row for row in found["exports"] if row["run"] == network["run"])]
        lines += [
            f"`{network['network']}` on {network['num_images']:,} test images:",
            "",
            "| form | size | 1 image | 32 images | images/s, of 128 | top1 | logits differ by |",
            "|---|--:|--:|--:|--:|--:|--:|",
            *_marked(rows),
            "",
            *(
                f"int8 costs {100 * row['drop']:.2f} points on {row['num_drop_images']:,} test images.\n"
                for row in rows
                if row["drop"] is not None
            ),
        ]
    threads = found["threads"]
    made = f"{found['cpu']}, {threads} thread{'s' * (threads > 1)}"
    made += f", commit {short_commit(found['commit'])}, {found['date']}"
    lines.append(f"{made}; medians; the best in bold.")
    return "\n".join(lines) + "\n"


def _marked(rows: list[dict]) -> list[str]:
    figures = [
        (
            row["num_bytes"],
            row["timing"]["latency_1"],
            row["timing"]["latency_32"],
            -row["timing"]["throughput"],
        )
        for row in rows
    ]
    best = [min(column) for column in zip(*figures, strict=True)]
    shown = []
    for row, values in zip(rows, figures, strict=True):
        size, one, many, rate = values
        texts = [f"{size / 1e6:.2f} MB", f"{1e3 * one:.2f} ms", f"{1e3 * many:.1f} ms", f"{-rate:,.0f}"]
        cells = [
            f"**{text}**" if value == least else text
            for text, value, least in zip(texts, values, best, strict=True)
        ]
        difference = "" if row["largest_difference"] is None else f"{row['largest_difference']:.1e}"
        name = FORMS.get(row["form"], row["form"])
        cells = [name, *cells, f"{row['top1']:.2%}", difference]
        shown.append(f"| {' | '.join(cells)} |")
    return shown

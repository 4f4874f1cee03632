"""`cnnlab doctor`: what this machine can do, what is missing, in one screen."""

from cnnlab.cli import options
from cnnlab.cli.output import print_json, print_table


def doctor(data_root: options.DataRoot = None, as_json: options.Json = False) -> None:
    """Say what this machine can do and what is missing."""
    from cnnlab.lab.doctor import examine

    findings = examine(root=data_root)
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        marks = {True: "ok", False: "missing"}
        rows = [(finding.topic, marks[finding.is_fine], finding.text) for finding in findings]
        print_table(("what", "", "here"), rows)

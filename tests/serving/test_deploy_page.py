"""The questions in docs/deploy.md, asked as they stand there."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_serve_command import start, wait_for

PAGE = Path(__file__).parents[2] / "docs" / "deploy.md"
TOKEN = "a-token-of-enough-letters"


def test_curl_gets_answers(digits_file, tmp_path):
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("needs curl")
    digit = np.full((60, 60), 255, dtype=np.uint8)
    digit[15:45, 28:33] = 0
    for name in ("photo", "scan"):
        Image.fromarray(digit).save(tmp_path / f"{name}.png")
    questions = PAGE.read_text(encoding="utf-8").partition("## Ask it\n\n```\n")[2].partition("```")[0]
    assert questions.count("curl ") == 4
    (tmp_path / "token").write_text(TOKEN)
    server = start(digits_file, "--port", 0, "--threads", 1, "--token-file", tmp_path / "token")
    try:
        address = f"127.0.0.1:{wait_for(server)}"
        # --json came with curl 7.82; what it stands for came earlier.
        script = questions.replace("127.0.0.1:8000", address)
        script = script.replace("curl ", "curl --fail --silent --show-error --write-out '\\n' ")
        script = script.replace("--json @-", "--header 'Content-Type: application/json' --data-binary @-")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=os.environ | {"CNNLAB_SERVE_TOKEN": TOKEN},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        _, *answers = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
        counts = [[len(one["labels"]) for one in answer["predictions"]] for answer in answers]
        assert counts == [[2, 2], [1], [3]]  # three, where nothing else is asked for
    finally:
        server.terminate()
        server.communicate(timeout=30)

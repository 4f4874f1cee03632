"""SIGTERM where no run is in its loop."""

import signal
import subprocess
import sys


def test_sigterm_outside_training_is_a_line_and_leaves_no_temporary_file(tmp_path):
    code = (
        "import os, signal, tempfile, time\nfrom cnnlab import recipes\nfrom cnnlab.cli import main\n"
        "def slow(name):\n"
        f"    with tempfile.NamedTemporaryFile(dir={str(tmp_path)!r}):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n        time.sleep(60)\n"
        "recipes.recipe_text = slow\nmain(['recipes', 'show', 'lenet5'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, b"", b"Terminated.\n")
    assert not list(tmp_path.iterdir())

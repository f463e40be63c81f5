"""What several workers do for the first time at once does not end the process."""

import subprocess
import sys

import pytest

FIRST_LOOKS = {
    "estimates of files read before": (
        "from scanner.catalogue.records import packed_estimate, unpacked_estimate\n"
        "from estimators.interface import Basis, Estimate, Evidence, Finding\n"
        "evidence, finding = Evidence(Basis.NONE, 'a', 0, None, None), Finding('a', 'b')\n"
        "values = packed_estimate(Estimate(1, 2, None, Basis.COMBINED, evidence=(evidence,), findings=(finding,)))\n"
        "look = lambda: unpacked_estimate(values)\n"
    ),
    "work that was stored": (
        "import msgspec\n"
        "from scanner.task import Assessment, ModelFacts\n"
        "def look():\n"
        "    for kind in (ModelFacts, Assessment):\n"
        "        try:\n"
        "            msgspec.convert({}, kind)\n"
        "        except msgspec.ValidationError:\n"
        "            pass\n"
    ),
}
TOGETHER = """
import sys, threading
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(8)
def first():
    barrier.wait()
    look()
threads = [threading.Thread(target=first) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


@pytest.mark.parametrize("what", FIRST_LOOKS)
def test_workers_may_all_be_the_first(what: str) -> None:
    for _ in range(3):
        script = FIRST_LOOKS[what] + TOGETHER
        done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")

"""Count parameters in stable-baselines3's zip files, and in those of its TensorFlow predecessor.

Spec: stable-baselines3, common/save_util.py `save_to_zip_file` (members `data`, `pytorch_variables.pth`, `policy.pth`,
one `….optimizer.pth` for each optimizer) and docs/guide/save_format.rst; stable-baselines 2,
common/base_class.py `_save_to_file_zip` (`data`, `parameters` as npz, `parameter_list`).

The policy is a file of `torch.save` inside the zip and is read as one; its optimizers and the variables of the training
run do not count. A target network is one of the policy's networks, stored apart, and counts like the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from estimators.errors import MalformedFile
from estimators.formats.numpy import files as numpy_files
from estimators.formats.pytorch import legacy as pytorch_legacy
from estimators.formats.pytorch import zip_files as pytorch_zip
from estimators.reading import zips
from estimators.reading.front import front_reader
from estimators.reading.views import Pages

if TYPE_CHECKING:
    from estimators.interface import ByteReader, Estimate, Hints

POLICY, PARAMETERS = "policy.pth", "parameters"
_FIRST = frozenset({"data", POLICY, "pytorch_variables.pth", "policy.optimizer.pth", "_stable_baselines3_version"})


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file is a zip whose first member is one that only this library writes so."""
    return zips.first_name(front) in _FIRST


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of the policy in one zip.

    Raises:
        MalformedFile: the zip is broken, or holds no policy.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    pages = Pages(source)
    members = {member.name: member for member in zips.members_of(pages)}
    if POLICY in members:
        policy = front_reader(zips.open_member(pages, members[POLICY]))
        legacy = pytorch_legacy.matches(policy.front(), POLICY)
        estimate_policy = pytorch_legacy.estimate if legacy else pytorch_zip.estimate
        return estimate_policy(policy, hints)
    if PARAMETERS in members:
        return numpy_files.estimate(zips.open_member(pages, members[PARAMETERS]), hints)
    raise MalformedFile(source.name, f"zip of {len(members)} members holds no {POLICY}")

# SPDX-License-Identifier: MIT
"""The test harness: machines in QEMU and the output of test suites. Start reading at machine.py."""

from .channel import ChannelLost, Result
from .images import Missing
from .machine import Machine, MachineError
from .tap import Tap

__all__ = ["ChannelLost", "Machine", "MachineError", "Missing", "Result", "Tap"]

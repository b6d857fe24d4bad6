"""Compiling: the whole training step as one program, and what is said where it cannot be one."""

from neurokit.compiling.step import CompiledStep as CompiledStep

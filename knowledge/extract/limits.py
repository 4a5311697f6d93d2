"""What reading one file may take."""

from __future__ import annotations

MEMORY_BYTES = 512 * 1024 * 1024
"""Address space of the child. The largest honest files measured (20 MB of PDF) take some 200 MB;
each worker that reads at the same time may take as much."""

CPU_S = 18
"""Seconds of processor, after which the kernel ends the child; below the seconds by the clock, so
that a busy file is told from a busy machine."""

WALL_S = 20.0
"""Seconds by the clock until the parent ends the child; below a worker's lease on the document."""

MAX_INPUT_BYTES = 20 * 1024 * 1024
"""As much as the door takes (`services.documents.MAX_BYTES`)."""

MAX_OUTPUT_BYTES = 40 * 1024 * 1024
"""JSON that the parent takes; 5,000,000 characters, the most that a reader lets pass, have as much
at worst in a Latin script."""

from __future__ import annotations

import sys

from control_plane.cli import main

sys.exit(main())

"""Write each block of Python in the README into a file that type checkers can look at."""

import pathlib
import re
import sys

# What the reader of the README has already.
PRELUDE = """
from typing import Any
from cache_inplace import *
client: Any = None
url = directory = ""
"""

folder = pathlib.Path(sys.argv[1])
folder.mkdir()
(folder / "mypy.ini").write_text("[mypy]\n[mypy-diskcache]\nignore_missing_imports = True\n")
blocks = re.findall(r"^```python\n(.*?)^```$", pathlib.Path("README.md").read_text(), re.M | re.S)
# The demo and the fixture are code without annotations, as people write them in a REPL or a test.
recipes = [block for block in blocks if not re.search(r"^class |@pytest", block, re.M)]
assert len(recipes) == len(blocks) - 2
for number, recipe in enumerate(recipes):
    (folder / f"recipe{number}.py").write_text(PRELUDE + recipe)

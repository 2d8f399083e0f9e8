# SPDX-License-Identifier: MIT
"""Writes a JSON file, without its white space, as a C array: embed.py FILE NAME OUTPUT."""

import json
import sys

source, name, output = sys.argv[1:]
with open(source, encoding="utf-8") as file:
    data = json.dumps(json.load(file), separators=(",", ":")).encode("ascii")
rows = [", ".join(map(str, data[i:i + 20])) for i in range(0, len(data), 20)]
with open(output, "w", encoding="ascii") as file:
    file.write(f"extern const char {name}[];\nextern const unsigned int {name}_size;\n")
    file.write(f"const char {name}[] = {{\n    " + ",\n    ".join(rows) + "\n};\n")
    file.write(f"const unsigned int {name}_size = sizeof({name});\n")

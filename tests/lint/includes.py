# SPDX-License-Identifier: MIT
"""Who includes whom: rooms include only downwards, and files in no circle.

A module is a .c file with its header. Its room is its folder, below the part's root; files in the root itself are
the top room."""

import pathlib
import re

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)[">]', re.M)
COMMENT = re.compile(r"/\*.*?\*/", re.S)


class Part:
    """A part of the tree: its root, its rooms from the ground up, and the roots of what lies below it.

    Rooms that share a floor are one tuple: they may include each other. `own`: includes in angle brackets that
    it may have; None: any. `circles`: groups of modules (below the root) that include each other today; `up`: pairs
    (file, name) that include a floor above today. What stands in these two and is not so any more is a fault, too."""

    def __init__(self, root, floors, below=(), angled=None, circles=(), up=()):
        self.root, self.below, self.angled = pathlib.PurePath(root), below, angled
        self.circles, self.up = [sorted(group.split()) for group in circles], set(up)
        self.floor_of = {room: number for number, floor in enumerate(floors)
                         for room in ([floor] if isinstance(floor, str) else floor)}

    def room(self, file):
        """Of a file below the root; "" of one in the root itself."""
        folder = pathlib.PurePath(file).relative_to(self.root).parent
        return "" if str(folder) == "." else str(folder)

    def module(self, file):
        return str(pathlib.PurePath(file).relative_to(self.root).with_suffix(""))


def includes(text):
    """(quoted, angled): the names in the order of the text, those in comments left out."""
    found = INCLUDE.findall(COMMENT.sub("", text))
    return [name for mark, name in found if mark == '"'], [name for mark, name in found if mark == "<"]


def faults(part, files, foreign=()):
    """What is wrong with a part's includes, a line each. files: path -> text, of the whole tree's C files."""
    lines, edges, up = [], {}, set()
    mine = {path: text for path, text in files.items() if pathlib.PurePath(path).is_relative_to(part.root)}
    for path, text in sorted(mine.items()):
        room = part.room(path)
        if room not in part.floor_of:
            lines.append(f"{path}: the room {room or '.'} has no floor in tests/lint/house.py")
            continue
        quoted, angled = includes(text)
        for name in angled:
            if part.angled is not None and not any(re.fullmatch(allowed, name) for allowed in part.angled):
                lines.append(f"{path}: <{name}> does not belong there")
        for name in quoted:
            target = next((str(root / name) for root in map(pathlib.PurePath, (part.root, *part.below))
                           if str(root / name) in files), None)
            if name in foreign:
                continue
            if target is None:
                lines.append(f'{path}: "{name}" is neither in {part.root} nor below it')
            elif target in mine:
                if part.floor_of.get(part.room(target), 0) > part.floor_of[room]:
                    up.add((str(pathlib.PurePath(path).relative_to(part.root)), name))
                edges.setdefault(part.module(path), set()).add(part.module(target))
    found = circles(edges)
    lines += [f'{path}: "{name}" is a floor above' for path, name in sorted(up - part.up)]
    lines += [f'{path} does not include "{name}": strike it from tests/lint/house.py' for path, name in sorted(part.up - up)]
    lines += [f"a circle: {' '.join(group)}" for group in found if group not in part.circles]
    lines += [f"no circle: {' '.join(group)}: strike it from tests/lint/house.py" for group in part.circles
              if group not in found]
    return lines


def circles(edges):
    """Groups of modules that include each other, each sorted (Tarjan's strongly connected components)."""
    found, order, low, way = [], {}, {}, []

    def visit(node):
        order[node] = low[node] = len(order)
        way.append(node)
        for other in sorted(edges.get(node, ())):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in way:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            group = way[way.index(node):]
            del way[way.index(node):]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(edges):
        if node not in order:
            visit(node)
    return sorted(found)

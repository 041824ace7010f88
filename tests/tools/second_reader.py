#!/usr/bin/python3
"""A second implementation of what rmg writes, made from docs/spec alone and slow on purpose.

It shares nothing with the programs: BLAKE3 and Ed25519 are here as their papers have them. Each
part names the page that it follows; a page that does not suffice for it is a page to be mended.

second_reader.py FILE...: what each file says, a line each. A patch, a proof and an envelope are
judged by the state that was read before them. Ends with an assertion at the first thing that is
not as the page says.
"""
import functools
import hashlib
import struct
import sys

# ---- BLAKE3 ----
IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
      0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
MASK = 0xFFFFFFFF
START, END, PARENT, ROOT, KEYED = 1, 2, 4, 8, 16
MIXED = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def compress(chain, words, counter, size, flags):
    v = [*chain, *IV[:4], counter & MASK, counter >> 32, size, flags]
    for _ in range(7):
        for i, (a, b, c, d) in enumerate(MIXED):
            p, q, r, s = v[a], v[b], v[c], v[d]
            for x, first, second in ((words[2 * i], 16, 12), (words[2 * i + 1], 8, 7)):
                p = (p + q + x) & MASK
                s ^= p
                s = (s >> first | s << (32 - first)) & MASK
                r = (r + s) & MASK
                q ^= r
                q = (q >> second | q << (32 - second)) & MASK
            v[a], v[b], v[c], v[d] = p, q, r, s
        words = [words[i] for i in ORDER]
    return [v[i] ^ v[i + 8] for i in range(8)]


def blake3(data, key=None):
    start = IV if key is None else struct.unpack("<8I", key)
    kind = 0 if key is None else KEYED

    def tree(low, high, root):
        if high - low <= 1024:
            chain = start
            blocks = max(1, -(-(high - low) // 64))
            for i in range(blocks):
                block = data[low + 64 * i:min(high, low + 64 * i + 64)]
                flags = kind | (START if i == 0 else 0) | (END | root if i == blocks - 1 else 0)
                words = struct.unpack("<16I", block.ljust(64, b"\0"))
                chain = compress(chain, words, low // 1024, len(block), flags)
            return chain
        left = 1024
        while left * 2 < high - low:
            left *= 2
        both = tree(low, low + left, 0) + tree(low + left, high, 0)
        return compress(start, both, 0, 64, kind | PARENT | root)

    return struct.pack("<8I", *tree(0, len(data), ROOT))


# ---- state-root.md ----
NODES, EDGES, ALPHA, BETA, INSTANCES = "nodes", "edges", "alpha", "beta", "instances"
ZERO = bytes(32)


@functools.lru_cache(maxsize=None)
def key_of(text):
    return blake3(b"jitos:v1:" + text.encode())


def keyed(text, data):
    return blake3(data, key_of(text))


def u64(number):
    return struct.pack("<Q", number)


def value_of(plane, record):
    return keyed("value:" + plane, record)


def leaf_of(plane, name, record):
    return keyed("leaf:" + plane, name + value_of(plane, record))


def inner(left, right):
    return keyed("node", left + right)


def bit(name, i):
    return name[i // 8] >> (7 - i % 8) & 1


def root_of(leaves, depth=0):
    """Of pairs of an id and its leaf's hash."""
    if len(leaves) < 2:
        return leaves[0][1] if leaves else ZERO
    sides = ([], [])
    for leaf in leaves:
        sides[bit(leaf[0], depth)].append(leaf)
    return inner(root_of(sides[0], depth + 1), root_of(sides[1], depth + 1))


class Atom:
    def __init__(self, kind, data):
        self.kind, self.data = kind, data


class Portal:
    def __init__(self, into):
        self.into = into


def attachments_of(values, full):
    """The record of an owner; `full`: with the bytes in place of their hash (rmg-file.md)."""
    out = u64(len(values))
    for name in sorted(values):
        value = values[name]
        out += u64(len(name)) + name
        if isinstance(value, Portal):
            out += b"\2" + value.into
        else:
            out += b"\1" + value.kind + u64(len(value.data))
            out += value.data if full else keyed("atom", value.data)
    return out


def parent_of(parent):
    if parent is None:
        return b"\0"
    plane, instance, owner, name = parent
    return bytes((1, plane)) + instance + owner + u64(len(name)) + name


class Instance:
    def __init__(self, root, parent=None):
        self.root, self.parent = root, parent
        self.nodes, self.edges, self.values = {}, {}, {1: {}, 2: {}}

    def record(self):
        half = {
            NODES: [(i, leaf_of(NODES, i, kind)) for i, kind in self.nodes.items()],
            EDGES: [(i, leaf_of(EDGES, i, b"".join(e))) for i, e in self.edges.items()],
        }
        for number, plane in ((1, ALPHA), (2, BETA)):
            half[plane] = [(i, leaf_of(plane, i, attachments_of(v, False)))
                           for i, v in self.values[number].items()]
        return (self.root + parent_of(self.parent) +
                keyed("skeleton", root_of(half[NODES]) + root_of(half[EDGES])) +
                keyed("attachments", root_of(half[ALPHA]) + root_of(half[BETA])))


def state_root(state):
    return root_of([(i, leaf_of(INSTANCES, i, one.record())) for i, one in state.items()])


def check_valid(state):
    assert sum(one.parent is None for one in state.values()) == (1 if state else 0), "one top"
    portals = []
    for i, one in state.items():
        assert i != ZERO and one.root in one.nodes and ZERO not in one.nodes.values()
        for start, end, kind in one.edges.values():
            assert start in one.nodes and end in one.nodes and kind != ZERO
        for plane, owners in ((1, one.nodes), (2, one.edges)):
            for owner, values in one.values[plane].items():
                assert owner in owners and 1 <= len(values) <= 256
                for name, value in values.items():
                    assert len(name) <= 255 and 0 not in name and name.decode() is not None
                    if isinstance(value, Portal):
                        portals.append((value.into, (plane, i, owner, name)))
                    else:
                        assert value.kind != ZERO and len(value.data) <= 1 << 20
    assert sorted(portals) == sorted((i, one.parent) for i, one in state.items() if one.parent)
    for one in state.values():
        depth = 0
        while one.parent is not None:
            one, depth = state[one.parent[1]], depth + 1
            assert depth <= 64


def top_of(state):
    return next(i for i, one in state.items() if one.parent is None)


def leaving(one, node):
    return sorted(e for e, ends in one.edges.items() if ends[0] == node)


def linear_root(state):
    def values(one, plane, owner):
        out = b""
        for name, value in sorted(one.values[plane].get(owner, {}).items()):
            data = value.into if isinstance(value, Portal) else value.data
            kind = ZERO if isinstance(value, Portal) else value.kind
            out += u64(len(name)) + name + kind + u64(len(data)) + data
        return out

    out = state[top_of(state)].root + u64(len(state))
    for i, one in sorted(state.items()):
        out += u64(32) + i + u64(len(one.nodes))
        for node, kind in sorted(one.nodes.items()):
            out += node + kind
            for edge in leaving(one, node):
                out += edge + one.edges[edge][2] + one.edges[edge][1] + values(one, 2, edge)
            out += values(one, 1, node)
    return blake3(out)


def echo_root(state):
    seen, todo = set(), [(top_of(state), state[top_of(state)].root)]

    def follow(values):
        for value in values.values():
            if isinstance(value, Portal):
                todo.append((value.into, state[value.into].root))

    def word(values):
        if not values:
            return b"\0"
        (value,) = values.values()
        if isinstance(value, Portal):
            return b"\1\2" + value.into
        return b"\1\1" + value.kind + u64(len(value.data)) + value.data

    while todo:
        at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        one = state[at[0]]
        follow(one.values[1].get(at[1], {}))
        for edge in leaving(one, at[1]):
            todo.append((at[0], one.edges[edge][1]))
            follow(one.values[2].get(edge, {}))
    out = b"echo:state_root:v1\0" + top_of(state) + state[top_of(state)].root
    for i in sorted({i for i, _ in seen}):
        one, nodes = state[i], sorted(node for at, node in seen if at == i)
        out += i + one.root
        out += b"\1" + bytes((one.parent[0],)) * 2 + b"".join(one.parent[1:3]) \
            if one.parent else b"\0"
        for node in nodes:
            out += node + one.nodes[node] + word(one.values[1].get(node))
        for node in nodes:
            edges = leaving(one, node)
            if edges:
                out += node + u64(len(edges))
            for edge in edges:
                out += edge + one.edges[edge][2] + one.edges[edge][1]
                out += word(one.values[2].get(edge))
    return blake3(out)


# ---- root-graph.md: the schema hash ----
def schema_hash(state):
    one = state.get(blake3(b"warp:/schema"))
    kind = blake3(b"type:type")
    if one is None:
        return None
    types = b""
    for node in sorted(n for n, t in one.nodes.items() if t == kind):
        values = one.values[1].get(node)
        types += node + keyed("content", kind + (attachments_of(values, False) if values else b""))
    return keyed("schema", u64(len(types) // 64) + types)


class Cursor:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, size):
        assert 0 <= size <= len(self.data) - self.at, "cut off"
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def u64(self):
        return self.number(8)

    def id(self):
        return self.take(32)

    def text(self):
        return self.take(self.u64())

    def pad(self):
        assert not any(self.take(-self.at % 8)), "zeros between"

    def parent(self):
        if self.number(1) == 0:
            return None
        return self.number(1), self.id(), self.id(), self.text()

    def value(self):
        kind = self.number(1)
        assert kind in (1, 2)
        return Portal(self.id()) if kind == 2 else Atom(self.id(), self.text())

    def end(self):
        assert self.at == len(self.data), "bytes behind the end"


# ---- rmg-file.md ----
def read_rmg(data):
    head = Cursor(data)
    assert head.take(4) == b"RMG\0" and (head.number(2), head.number(2)) == (1, 0)
    node_count, edge_count, size, root = head.u64(), head.u64(), head.u64(), head.id()
    edges_at = 64 + 104 * node_count
    c = Cursor(data, edges_at + 144 * edge_count)
    assert size % 8 == 0 and c.at + size == len(data)
    state, block, rows = {}, {}, []
    first = [0, 0]
    for _ in range(c.u64()):
        at = c.at
        i, one = c.id(), Instance(c.id(), c.parent())
        assert not state or i > max(state)
        c.pad()
        part = [(c.u64(), c.u64()), (c.u64(), c.u64())]
        for k in (0, 1):
            assert part[k][0] == first[k]
            first[k] += part[k][1]
        state[i], block[i] = one, at
        rows.append((one, part))
    assert first == [node_count, edge_count]
    owners = []
    for one, ((start, count), _) in rows:
        for row in range(64 + 104 * start, 64 + 104 * (start + count), 104):
            r = Cursor(data, row)
            node = r.id()
            assert not one.nodes or node > max(one.nodes)
            one.nodes[node] = r.id()
            portals, out_edges, place, length, below = (r.u64() for _ in range(5))
            owners.append((one, 1, node, place, length, portals, out_edges, below))
    for one, (_, (start, count)) in rows:
        for row in range(edges_at + 144 * start, edges_at + 144 * (start + count), 144):
            r = Cursor(data, row)
            edge = r.id()
            assert not one.edges or edge > max(one.edges)
            one.edges[edge] = (r.id(), r.id(), r.id())
            owners.append((one, 2, edge, r.u64(), r.u64(), 0, 0, 0))
    for one, plane, owner, place, length, portals, out_edges, below in owners:
        values = {}
        if length == 0:
            assert place == 0
        else:
            c.pad()
            assert c.at == place
            p = Cursor(c.take(length))
            for _ in range(p.u64()):
                name = p.text()
                assert not values or name > max(values)
                values[name] = p.value()
            p.end()
            one.values[plane][owner] = values
        if plane == 1:
            into = [v.into for _, v in sorted(values.items()) if isinstance(v, Portal)]
            assert portals == len(into) and below == (block[into[0]] if into else 0)
            assert out_edges == len(leaving(one, owner))
    c.pad()
    c.end()
    check_valid(state)
    assert state_root(state) == root, "another root than the header's"
    return state


# ---- wsc-file.md ----
def read_wsc(data):
    head = Cursor(data)
    assert head.take(8) == b"WSC\0\1\0\0\0"
    head.id(), head.u64()
    count = head.u64()
    assert head.u64() == 128 and not any(head.take(64))
    c = Cursor(data, 128 + 184 * count)
    state, parents = {}, {}
    for _ in range(count):
        i, one = head.id(), Instance(head.id())
        assert i != ZERO and (not state or i > max(state))
        state[i] = one
        places = [head.u64() for _ in range(15)]

        def section(place, rows, size):
            c.pad()
            assert c.at == place
            return [c.take(size) for _ in range(rows)]

        node_rows, edge_rows = places[1], places[3]
        nodes = section(places[0], node_rows, 64)
        edges = section(places[2], edge_rows, 128)
        out_index = section(places[4], node_rows, 16)
        out_edges = section(places[5], places[6], 40)
        index, atts = {}, {}
        index[1], atts[1] = section(places[7], node_rows, 16), section(places[8], places[9], 56)
        index[2], atts[2] = section(places[10], edge_rows, 16), section(places[11], places[12], 56)
        blobs = Cursor(b"".join(section(places[13], 1, places[14])))
        one.nodes = {r[:32]: r[32:] for r in nodes}
        one.edges = {r[:32]: (r[32:64], r[64:96], r[96:]) for r in edges}
        assert nodes == sorted(nodes) and len(one.nodes) == node_rows
        assert [r[:32] for r in edges] == sorted(one.edges)
        at = 0
        for row, node in zip(out_index, nodes):
            out = [u64([r[:32] for r in edges].index(e)) + e for e in leaving(one, node[:32])]
            assert row == u64(at) + u64(len(out)) and out_edges[at:at + len(out)] == out
            at += len(out)
        assert at == len(out_edges) == edge_rows
        for plane, rows in ((1, nodes), (2, edges)):
            at = 0
            for where, owner in zip(index[plane], rows):
                start, has = struct.unpack("<2Q", where)
                assert start == at and has <= 1
                at += has
                if not has:
                    continue
                r = Cursor(atts[plane][start])
                tag, zeros, kind, place, size = r.number(1), r.take(7), r.id(), r.u64(), r.u64()
                assert tag in (1, 2) and not any(zeros)
                if tag == 2:
                    assert place == size == 0 and kind not in parents
                    parents[kind] = (plane, i, owner[:32], b"")
                    value = Portal(kind)
                else:
                    blobs.pad()
                    assert place == blobs.at
                    value = Atom(kind, blobs.take(size))
                one.values[plane][owner[:32]] = {b"": value}
            assert at == len(atts[plane])
        blobs.end()
    c.end()
    for i, parent in parents.items():
        state[i].parent = parent
    check_valid(state)
    return state


# ---- proof.md ----
def follow_proof(data):
    """Whether the element is there, its plane and id, and the root that this leads to."""
    c = Cursor(data)
    assert c.take(4) == b"JPF\0" and (c.number(2), c.number(2)) == (1, 0)
    number = c.number(1)
    plane, name, end = (NODES, EDGES, ALPHA, BETA, INSTANCES)[number - 1], c.id(), c.number(1)

    def way(at, of):
        depth = c.number(2)
        bits = [x >> (7 - k) & 1 for x in c.take((depth + 7) // 8) for k in range(8)]
        assert depth <= 256 and not any(bits[depth:])
        beside = [c.id() if b else ZERO for b in bits[:depth]]
        assert all(h != ZERO for h, b in zip(beside, bits) if b)
        for k in reversed(range(depth)):
            at = inner(beside[k], at) if bit(of, k) else inner(at, beside[k])
        return at, depth

    other = None
    if end == 1:
        at = leaf_of(plane, name, c.text())
    elif end == 2:
        other = c.id()
        at = keyed("leaf:" + plane, other + c.id())
    else:
        assert end == 3
        at = ZERO
    at, depth = way(at, name)
    if other is not None:
        assert other != name and all(bit(other, k) == bit(name, k) for k in range(depth))
    if number < 5:
        instance, half, beside, root = c.id(), c.id(), c.id(), c.id()
        begin = c.at
        c.parent()
        record = root + data[begin:c.at]
        pair = at + half if number % 2 else half + at
        record += keyed("skeleton", pair) + beside if number <= 2 \
            else beside + keyed("attachments", pair)
        at, _ = way(leaf_of(INSTANCES, instance, record), instance)
    c.end()
    return end == 1, plane, name, at


# ---- patch.md ----
def apply_patch(state, data):
    c = Cursor(data)
    assert c.id() == state_root(state), "another base"
    for _ in range(2):
        slots = []
        for _ in range(c.u64()):
            begin, kind = c.at, c.number(1)
            c.take(64)
            if kind in (3, 4, 7):
                c.text()
            elif kind == 5:
                c.take(33)
            slots.append(data[begin:c.at])
        assert slots == sorted(set(slots))
    keys = []
    for _ in range(c.u64()):
        kind, i = c.number(1), c.id()
        one, before, plane = state.get(i), ZERO, None
        if kind in (1, 8):
            plane, owner, name = c.number(1), c.id(), c.text()
            key = (plane, owner, name)
            values = one.values[plane].setdefault(owner, {})
            if name in values:
                before = value_of((ALPHA, BETA)[plane - 1],
                                  attachments_of({name: values[name]}, False))
            if kind == 8:
                values[name] = c.value()
            else:
                del values[name]
            if not values:
                del one.values[plane][owner]
        elif kind in (4, 5):
            key = ()
            if one is not None:
                before = value_of(INSTANCES, one.root + parent_of(one.parent))
            if kind == 4:
                del state[i]
            else:
                one = state.setdefault(i, Instance(None))
                one.root, one.parent = c.id(), c.parent()
        else:
            name = c.id()
            key = (name,)
            plane, where = (EDGES, one.edges) if kind in (2, 7) else (NODES, one.nodes)
            if name in where:
                before = value_of(plane, b"".join(where[name]) if plane == EDGES else where[name])
            if kind in (2, 3):
                del where[name]
            else:
                where[name] = (c.id(), c.id(), c.id()) if kind == 7 else c.id()
        keys.append((kind, i) + key)
        origins = [(c.number(4), c.number(4)) for _ in range(c.number(4))]
        assert origins and origins == sorted(set(origins))
        assert c.id() == before, "another value before"
    c.end()
    assert keys == sorted(set(keys))
    check_valid(state)


# ---- signature.md, RFC 8032 ----
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert y < P and (x * x - square) % P == 0
    return (P - x if x % 2 != sign else x), y


def add(a, b):
    k = D * a[0] * b[0] * a[1] * b[1]
    return ((a[0] * b[1] + b[0] * a[1]) * pow(1 + k, P - 2, P) % P,
            (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, P - 2, P) % P)


def times(at, n):
    out = (0, 1)
    while n:
        out, at, n = add(out, at) if n & 1 else out, add(at, at), n >> 1
    return out


def read_envelope(data):
    c = Cursor(data)
    assert c.take(4) == b"JSG\0" and (c.number(2), c.number(2)) == (1, 0)
    kind, root, keys = c.take(c.number(1)), c.id(), []
    for _ in range(c.number(4)):
        key, signature = c.id(), c.take(64)
        s = int.from_bytes(signature[32:], "little")
        message = hashlib.sha512(signature[:32] + key + b"jitos:sig:v1" + kind + root).digest()
        h = int.from_bytes(message, "little") % L
        base = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
        assert s < L and times(base, s) == add(point(signature[:32]), times(point(key), h))
        keys.append(key)
    c.end()
    assert keys and keys == sorted(set(keys))
    return kind, root, keys


def main():
    state = {}
    for path in sys.argv[1:]:
        with open(path, "rb") as file:
            data = file.read()
        if data[:4] in (b"RMG\0", b"WSC\0"):
            state = read_rmg(data) if data[:4] == b"RMG\0" else read_wsc(data)
            said = ["state_root", state_root(state).hex(), "linear", linear_root(state).hex()]
            if all(set(v) == {b""} for one in state.values()
                   for p in (1, 2) for v in one.values[p].values()):
                said += ["echo", echo_root(state).hex()]
            schema = schema_hash(state)
            said += ["schema", schema.hex()] if schema else []
        elif data[:4] == b"JPF\0":
            there, plane, name, root = follow_proof(data)
            assert root == state_root(state), "it leads to another root"
            said = ["there" if there else "absent", plane, name.hex()]
        elif data[:4] == b"JSG\0":
            kind, root, keys = read_envelope(data)
            assert root == state_root(state), "it is for another state"
            said = [kind.decode()] + [key.hex() for key in keys]
        else:
            apply_patch(state, data)
            said = ["leads_to", state_root(state).hex()]
        print(path.split("/")[-1], *said)


if __name__ == "__main__":
    main()

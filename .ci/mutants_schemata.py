"""Finds the mutants of a source file, and puts them all into one text, where a number chosen at run time activates one.

A mutant becomes a branch. `a < b` with the mutants 17, 18 and 19 turns into

  (match crate::mutant::active(17) { 17 => (a) == (b), 18 => (a) > (b), 19 => (a) <= (b), _ => a < b })

A function value is returned at the start of the function, and a deleted match arm gets a guard. The place with these
branches is a site; its number is that of its first mutant. Comments mark each branch, so an error of the compiler is
assigned to its mutant.

Code that the tested program does not contain has no mutants: tests, items and files behind a `cfg` that is off with all
features, and functions that nobody can call, because a value of their type cannot exist.

The mutations are those of cargo-mutants: https://mutants.rs/mutants.html
"""

import bisect
import hashlib
import itertools
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import tree_sitter
import tree_sitter_rust

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))

OPERATORS = {
    "==": ["!="], "!=": ["=="], "&&": ["||"], "||": ["&&"],
    "<": ["==", ">", "<="], ">": ["==", "<", ">="], "<=": [">"], ">=": ["<"],
    "+": ["-", "*"], "-": ["+", "/"], "*": ["+", "/"], "/": ["%", "*"], "%": ["/", "+"],
    "<<": [">>"], ">>": ["<<"], "&": ["|", "^"], "|": ["&", "^"], "^": ["|", "&"],
    "+=": ["-=", "*="], "-=": ["+=", "/="], "*=": ["+=", "/="], "/=": ["%=", "*="], "%=": ["/=", "+="],
    "<<=": [">>="], ">>=": ["<<="], "&=": ["|="], "|=": ["&="], "^=": ["|=", "&="],
}  # fmt: skip

# The compiler evaluates these before the program runs, when no mutant is active.
CONST_CONTEXTS = {"const_item", "static_item", "const_block", "enum_variant", "const_parameter", "type_arguments"}

RUNTIME = """
//! Only in the copy that .ci/mutants builds: tells which mutant is active.

use core::sync::atomic::{AtomicBool, Ordering};
use std::io::Write;

/// Written only before `main`. It is not atomic, so the compiler can read it before a loop and not in each turn.
static mut ACTIVE: u32 = 0;
const RECORDS: bool = WHETHER;
const RECORD: u32 = u32::MAX;
static REACHED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];
static LOG: std::sync::OnceLock<std::fs::File> = std::sync::OnceLock::new();

/// Returns the active mutant; 0 while the compiler evaluates a constant.
#[inline(always)]
pub(crate) const fn active(site: u32) -> u32 {
    core::intrinsics::const_eval_select((site,), none, chosen)
}

const fn none(_: u32) -> u32 {
    0
}

#[inline(always)]
fn chosen(site: u32) -> u32 {
    let active = unsafe { ACTIVE };
    if RECORDS && active == RECORD {
        record(site);
    }
    active
}

/// Writes a site once. It must not allocate, because tests count allocations.
#[cold]
fn record(site: u32) {
    if !REACHED[site as usize].swap(true, Ordering::Relaxed) {
        if let Some(mut log) = LOG.get() {
            let _ = log.write_all(&site.to_le_bytes());
        }
    }
}

/// Runs before `main`, because reading the environment allocates.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;

extern "C" fn start() {
    let active = std::env::var("MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(0);
    if let Ok(path) = std::env::var("MUTANT_LOG") {
        let _ = LOG.set(std::fs::File::create(path).unwrap());
    }
    unsafe { ACTIVE = active };
}
"""

LIB = """#![feature(core_intrinsics, const_eval_select)]
#![allow(warnings, internal_features, arithmetic_overflow, unconditional_panic)]
"""


@dataclass(eq=False)
class Mutant:
    file: str
    function: str
    genre: str
    mutation: str
    # The node that it changes, and the text that replaces it.
    site: tree_sitter.Node
    text: str
    # A hash of the tokens of the function.
    tokens: str
    in_const_fn: bool
    # Its place among equal mutations of its function.
    n: int = 0
    id: int = 0
    site_id: int = 0

    @property
    def key(self):
        return (self.file, self.function, self.mutation, str(self.n), self.tokens)

    @property
    def can_branch(self):
        if self.genre == "arm" and not catches_all(self.site.parent.parent):
            return False
        return not in_const_context(self.site)

    def __str__(self):
        return f"{self.file}: {self.function}: {self.mutation} {self.n}"


def list_mutants(trees):
    """Returns the mutants of all files (names with their syntax trees), numbered from 1."""
    absent = {path for file, tree in trees.items() for path in absent_files(file, tree.root_node)}
    trees = {file: tree for file, tree in trees.items() if file not in absent}
    aliases = {}
    for tree in trees.values():
        for node in tree.root_node.named_children:
            if node.type == "type_item":
                aliases[text(node.child_by_field_name("name"))] = node.child_by_field_name("type")
    mutants = []
    for file, tree in trees.items():
        found = Finder(file, aliases)
        found.visit(tree.root_node, [], None)
        mutants += found.mutants
    for number, mutant in enumerate(mutants, 1):
        mutant.id = number
    return mutants


class Finder:
    """Collects the mutants of a file."""

    def __init__(self, file, aliases):
        self.file = file
        self.aliases = aliases
        self.mutants = []
        self.seen = Counter()

    def visit(self, node, names, function):
        for child, attributes in items(node):
            if not any(is_test(attribute) or is_off(attribute) for attribute in attributes):
                self.enter(child, names, function)

    def enter(self, node, names, function):
        match node.type:
            case "impl_item":
                trait, of = (node.child_by_field_name(field) for field in ("trait", "type"))
                names = [*names, f"<{text(trait)} for {text(of)}>" if trait else text(of)]
            case "trait_item" | "mod_item":
                names = [*names, text(node.child_by_field_name("name"))]
            case "function_item" if is_uncallable(node):
                return
            case "function_item":
                names, function = [*names, text(node.child_by_field_name("name"))], node
                self.function_values(node, names)
            case "binary_expression" | "compound_assignment_expr":
                left, operator, right = (node.child_by_field_name(field) for field in ("left", "operator", "right"))
                for other in OPERATORS.get(text(operator), []):
                    changed = f"({text(left)}) {other} ({text(right)})"
                    self.add("operator", f"replace {text(operator)} with {other}", node, changed, names, function)
            case "unary_expression" if text(node.children[0]) in "!-":
                operator, operand = node.children[0], node.named_children[-1]
                self.add("negation", f"delete {text(operator)}", node, f"({text(operand)})", names, function)
            case "match_arm":
                self.match_arm(node, names, function)
            case "struct_expression":
                self.struct_fields(node, names, function)
        self.visit(node, names, function)

    def function_values(self, function, names):
        body = function.child_by_field_name("body")
        default = any(name.startswith(("<Default for", "<core::default::Default for")) for name in names)
        if default or not any("comment" not in child.type for child in body.named_children):
            return
        for value in values(function.child_by_field_name("return_type"), self.aliases):
            if squash(text(body)) != f"{{ {value} }}":
                self.add("value", f"return {value}", body, f"{{ {value} }}", names, function)

    def match_arm(self, arm, names, function):
        pattern = arm.child_by_field_name("pattern")
        guard = pattern.child_by_field_name("condition")
        if guard:
            for value in ("true", "false"):
                self.add("guard", f"replace guard {squash(text(guard))} with {value}", guard, value, names, function)
        elif text(pattern) != "_" and catches_all(arm.parent, guarded=True):
            deleted = f"{text(pattern)} if false"
            self.add("arm", f"delete arm {squash(text(pattern))}", pattern, deleted, names, function)

    def struct_fields(self, struct, names, function):
        fields = struct.child_by_field_name("body").named_children
        if not any(field.type == "base_field_initializer" for field in fields):
            return
        for field in fields:
            if field.type in ("field_initializer", "shorthand_field_initializer"):
                others = ", ".join(text(other) for other in fields if other != field and "comment" not in other.type)
                changed = f"{text(struct.child_by_field_name('name'))} {{ {others} }}"
                self.add("field", f"delete field {squash(text(field))}", struct, changed, names, function)

    def add(self, genre, mutation, site, changed, names, function):
        name = squash("::".join(names))
        self.seen[name, mutation] += 1
        item = function or next(above for above in ancestors(site) if above.parent.type in ("source_file", "declaration_list"))
        self.mutants.append(
            Mutant(
                self.file, name, genre, mutation, site, changed, hash_of(item), is_const(function),
                self.seen[name, mutation],
            )
        )  # fmt: skip


def values(kind, aliases):
    """Returns the values that replace the result of a function, as expressions."""
    if kind is None or kind.type == "unit_type":
        return ["()"]
    name = text(kind)
    match kind.type:
        case "primitive_type":
            if name == "bool":
                return ["true", "false"]
            return ["0", "1"] + ["-1"] * name.startswith("i") if name[0] in "ui" else ["Default::default()"]
        case "never_type":
            return []
        case "tuple_type":
            parts = [values(part, aliases) for part in kind.named_children]
            return [f"({', '.join(choice)})" for choice in itertools.product(*parts)]
        case "array_type":
            parts = values(kind.child_by_field_name("element"), aliases)
            return [f"[{value}; {text(kind.child_by_field_name('length'))}]" for value in parts]
        case "reference_type":
            return references(kind, aliases)
        case "generic_type":
            base = text(kind.child_by_field_name("type")).split("::")[-1]
            arguments = [part for part in kind.child_by_field_name("type_arguments").named_children if part.type != "lifetime"]
            if base == "Option":
                return ["None", *(f"Some({value})" for value in values(arguments[0], aliases))]
            if base == "Result":
                return [f"Ok({value})" for value in values(arguments[0], aliases)]
            return values(aliases[base], aliases) if base in aliases else ["Default::default()"]
        case "scoped_type_identifier" if name == "fmt::Result":
            return ["Ok(())"]
        case "type_identifier" if name in aliases:
            return values(aliases[name], aliases)
        case "abstract_type":
            return ["core::iter::empty()"] if "Iterator" in name else ["Default::default()"]
    return ["Default::default()"]


def references(kind, aliases):
    inner = kind.child_by_field_name("type")
    mutable = "mut " * any(child.type == "mutable_specifier" for child in kind.children)
    if text(inner) == "str":
        return ['""', '"xyzzy"']
    if inner.type == "array_type" and inner.child_by_field_name("length") is None:
        parts = values(inner.child_by_field_name("element"), aliases)
        return [f"&{mutable}[]", *(f"std::vec::Vec::leak(std::vec::Vec::from([{value}]))" for value in parts)]
    leaked = (f"std::boxed::Box::leak(std::boxed::Box::new({value}))" for value in values(inner, aliases))
    return list(leaked)


def text(node):
    return node.text.decode()


def squash(string):
    return re.sub(r"\s+", " ", string)


def ancestors(node):
    while node.parent is not None:
        yield node
        node = node.parent


def in_const_context(node):
    for above in ancestors(node):
        if above.type in CONST_CONTEXTS or above.type == "array_type":
            return True
        if above.type in ("function_item", "closure_expression"):
            return False
    return False


def is_const(function):
    return function is not None and any(
        child.type == "function_modifiers" and "const" in text(child).split() for child in function.children
    )


def items(node):
    """Returns the parts of a node, each with its attributes."""
    attributes = []
    for child in node.named_children:
        if child.type == "attribute_item":
            attributes.append(child)
        elif child.type not in ("line_comment", "block_comment"):
            yield child, attributes
            attributes = []


def absent_files(file, root):
    """Returns the paths of the modules that this file names and a `cfg` leaves out."""
    folder = Path(file).parent if Path(file).name in ("lib.rs", "mod.rs") else Path(file).with_suffix("")
    for item, attributes in items(root):
        if item.type == "mod_item" and any(map(is_off, attributes)):
            named = [re.fullmatch(r'#\[path = "(.*)"\]', text(attribute)) for attribute in attributes]
            # The attribute counts from the folder of the file.
            paths = [Path(file).parent / path[1] for path in named if path]
            name = text(item.child_by_field_name("name"))
            yield from map(str, paths or [folder / f"{name}.rs", folder / name / "mod.rs"])


def is_off(attribute):
    """Returns whether an attribute is a `#[cfg(not(feature = ...))]`, which is off if all features are on."""
    return re.fullmatch(r'#\[cfg\(not\(feature = "[^"]*"\)\)\]', squash(text(attribute))) is not None


def is_uncallable(function):
    """Returns whether a function is only `match *self {}`, which compiles only if no value of the type exists."""
    body = function.child_by_field_name("body")
    return body is not None and re.fullmatch(r"\{ match \*?self \{\} \}", squash(text(body))) is not None


def is_test(attribute):
    """Returns whether an attribute is `#[test]` or a `#[cfg(...)]` that names `test`."""
    words = re.findall(r"\w+", re.sub(r'"[^"]*"', "", text(attribute)))
    return words[-1] == "test" if words[0] != "cfg" else "test" in words


def catches_all(block, guarded=False):
    """Returns whether a `match` has an arm `_`, without a guard or with any."""
    patterns = (arm.child_by_field_name("pattern") for arm in block.named_children if arm.type == "match_arm")
    return any(text(pattern) == "_" or guarded and text(pattern.child(0)) == "_" for pattern in patterns)


def hash_of(item):
    """Returns a hash of the tokens of an item, without comments and white space."""
    tokens = []

    def walk(node):
        if node.type in ("line_comment", "block_comment"):
            return
        if node.child_count == 0 or node.type == "string_literal":
            tokens.append(node.text)
        else:
            for child in node.children:
                walk(child)

    walk(item)
    return hashlib.sha256(b" ".join(tokens)).hexdigest()[:8]


class Renderer:
    """Writes a file with all its mutants."""

    def __init__(self, tree, mutants):
        self.root = tree.root_node
        self.sites = {}
        for mutant in mutants:
            self.sites.setdefault(mutant.site.id, {}).setdefault(mutant.genre, []).append(mutant)
        for groups in self.sites.values():
            for group in groups.values():
                for mutant in group:
                    mutant.site_id = group[0].id
        self.starts = sorted(mutant.site.start_byte for mutant in mutants)

    def file(self):
        return self.render(self.root)

    def render(self, node):
        first = bisect.bisect_left(self.starts, node.start_byte)
        if first == len(self.starts) or self.starts[first] >= node.end_byte:
            return text(node)
        rendered = self.children(node)
        # An operator may be the whole guard, so the guard is the outer site.
        groups = sorted(self.sites.get(node.id, {}).items(), key=lambda group: group[0] == "guard")
        for genre, mutants in groups:
            rendered = branches(genre, mutants, rendered)
        return rendered

    def children(self, node):
        parts, at = [], node.start_byte
        for child in node.children:
            parts += [self.between(at, child.start_byte), self.render(child)]
            at = child.end_byte
        return "".join(parts) + self.between(at, node.end_byte)

    def between(self, start, end):
        return self.root.text[start - self.root.start_byte : end - self.root.start_byte].decode()


def branches(genre, mutants, original):
    site = mutants[0].id
    if genre == "arm":
        return mark(site, f"{original} if crate::mutant::active({site}) != {site}")
    if genre == "value" and mutants[0].mutation == "return core::iter::empty()":
        # `impl Iterator` stands for one type only.
        most = f"match crate::mutant::active({site}) {{ {site} => 0, _ => usize::MAX }}"
        return "{ " + mark(f"s{site}", f"core::iter::Iterator::take({original}, {most})") + " }"
    if genre == "value":
        returns = "".join(f"{m.id} => {mark(m.id, f'return {m.text}')}, " for m in mutants)
        return "{ " + mark(f"s{site}", f"match crate::mutant::active({site}) {{ {returns}_ => {{}} }}") + original[1:]
    arms = "".join(f"{m.id} => {{ {mark(m.id, m.text)} }} " for m in mutants)
    return "(" + mark(f"s{site}", f"match crate::mutant::active({site}) {{ {arms}_ => {original} }}") + ")"


def mark(name, marked):
    return f"/*<{name}*/{marked}/*{name}>*/"


def marks(rendered):
    """Returns the marked ranges of a rendered file, in bytes, as (start, end, name); outer ones come first."""
    opened, ranges = [], []
    for found in re.finditer(rb"/\*<(s?\d+)\*/|/\*(s?\d+)>\*/", rendered.encode()):
        if found[1]:
            opened.append((found.start(), found[1].decode()))
        else:
            start, name = opened.pop()
            ranges.append((start, found.end(), name))
    return sorted(ranges, key=lambda piece: (piece[0], -piece[1]))

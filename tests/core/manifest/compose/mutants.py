#!/usr/bin/python3
"""Makes broken compose files of a good one; the compose specification's schema says which of them are.

usage: mutants.py SCHEMA FILE...     prints for each file a JSON list of [what was changed, the text] of those that the
                                     schema refuses
"""
import copy
import json
import sys

import jsonschema
import yaml

REPLACEMENTS = [None, "text", 5, 1.5, True, [], {}, ["text"], [5], [None], {"unknown-key": 1}, [["text"]], {"a": {"b": {}}}]


def places(node, path=()):
    """Every place in a document, outermost first."""
    yield path
    if isinstance(node, dict):
        for key, value in node.items():
            if not key.startswith("x-"):
                yield from places(value, path + (key,))
    if isinstance(node, list):
        for index, value in enumerate(node):
            yield from places(value, path + (index,))


def at(document, path):
    for step in path:
        document = document[step]
    return document


def mutants(document):
    for path in places(document):
        shown = ".".join(str(step) for step in path)
        for replacement in REPLACEMENTS:
            if not path:
                yield f"the file is {replacement!r}", replacement
                continue
            made = copy.deepcopy(document)
            at(made, path[:-1])[path[-1]] = replacement
            yield f"{shown} = {replacement!r}", made
        node = at(document, path)
        if isinstance(node, dict):
            made = copy.deepcopy(document)
            at(made, path)["nosuchkey"] = "text"
            yield f"{shown}.nosuchkey", made
            for key in node:
                made = copy.deepcopy(document)
                del at(made, path)[key]
                yield f"{shown} without {key}", made
        if isinstance(node, list) and node:
            made = copy.deepcopy(document)
            at(made, path).append(copy.deepcopy(node[0]))
            yield f"{shown} with its first element twice", made


def broken(path, validator):
    with open(path, encoding="utf-8") as file:
        document = yaml.safe_load(file)
    if not validator.is_valid(document):
        raise SystemExit(f"{path} itself is refused: {next(validator.iter_errors(document)).message}")
    seen = set()
    made = []
    for what, mutant in mutants(document):
        text = json.dumps(mutant)
        if text not in seen and not validator.is_valid(mutant):
            made.append([what, text])
        seen.add(text)
    return made


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        validator = jsonschema.Draft7Validator(json.load(file))
    print(json.dumps({path: broken(path, validator) for path in sys.argv[2:]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

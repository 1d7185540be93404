#!/usr/bin/env python3
"""Reads messages and modals of Slack with the models of Slack's own SDK, and says what these find wrong.

usage: check_blocks.py < [{"name": …, "blocks": […]} or {"name": …, "view": {…}}, …]
Answers with a JSON list of faults, a sentence each; empty: none.
"""

import json
import logging
import sys

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models import JsonObject
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

# What the models do not know they leave out, and say so in the log alone.
unknown = []


class Heard(logging.Handler):
    def emit(self, record):
        unknown.append(record.getMessage())


logging.getLogger("slack_sdk").addHandler(Heard())
logging.getLogger("slack_sdk").propagate = False


def parts(thing):
    """The object and all that it is made of."""
    if isinstance(thing, JsonObject):
        yield thing
        for value in vars(thing).values():
            yield from parts(value)
    elif isinstance(thing, (list, tuple)):
        for value in thing:
            yield from parts(value)


def judge(sent):
    if "view" in sent:
        blocks, whole = sent["view"]["blocks"], [View(**sent["view"])]
    else:
        blocks, whole = sent["blocks"], []
    parsed = Block.parse_all(blocks)
    for block, raw in zip(parsed, blocks):
        if block is None:
            yield f"the SDK knows no block {raw.get('type')}"
        elif block.to_dict() != raw:
            yield f"the SDK reads a block {raw.get('type')} otherwise than it was sent"
    for part in parts([*whole, *parsed]):
        try:
            part.validate_json()
        except SlackObjectFormationError as error:
            yield f"{type(part).__name__}: {error}"
    yield from unknown
    unknown.clear()


def faults(sent):
    try:
        yield from judge(sent)
    # What a model must have, it demands when it is made.
    except (TypeError, SlackObjectFormationError) as error:
        yield str(error)


print(json.dumps([f"{sent['name']}: {fault}" for sent in json.load(sys.stdin) for fault in faults(sent)]))

#!/usr/bin/env python3
"""Verifies every signature of an evidence bundle with securesystemslib; nothing of Countersign is used.

usage: verify_dsse.py BUNDLE ROOT AGENT_KEY
ROOT is the offline root's public key, AGENT_KEY that of the agent who asked: each 32 bytes in base64.
"""

import base64
import json
import sys

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey


def key(keyid: str, public: str) -> SSlibKey:
    return SSlibKey(keyid, "ed25519", "ed25519", {"public": base64.b64decode(public, validate=True).hex()})


def main(path: str, root: str, agent_key: str) -> int:
    with open(path, encoding="utf-8") as file:
        bundle = json.load(file)
    keyring = Envelope.from_dict(bundle["keyring"])
    keyring.verify([key("root", root)], 1)
    keys = [key(listed["keyid"], listed["publicKey"]) for listed in json.loads(keyring.payload)["keys"]]
    for number, entry in enumerate(bundle["entries"]):
        envelope = Envelope.from_dict(entry["envelope"])
        (keyid,) = envelope.signatures
        try:
            envelope.verify([*keys, key(keyid, agent_key)] if keyid.startswith("agent/") else keys, 1)
        except VerificationError as error:
            print(f"entry {number}, signed by {keyid}: {error}", file=sys.stderr)
            return 1
    print(f"{len(bundle['entries'])} envelopes verify")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))

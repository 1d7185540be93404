#!/bin/sh
# Verifies the signatures of an evidence bundle with openssl; Python only takes the file apart. Nothing of Countersign is used.
# usage: verify_openssl.sh BUNDLE ROOT AGENT_KEY   (keys: 32 bytes in base64; of the offline root, and of the agent who asked)
set -eu
[ $# -eq 3 ] || { sed -n '2,3p' "$0" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Of each envelope: the bytes that DSSE signs, the signature, and the key as openssl reads one (SPKI).
python3 - "$1" "$2" "$3" "$work" <<'PYTHON'
import base64, json, pathlib, sys
path, root, agent, work = sys.argv[1], sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4])
bundle = json.load(open(path, encoding="utf-8"))
keys = {key["keyid"]: key["publicKey"] for key in json.loads(base64.b64decode(bundle["keyring"]["payload"]))["keys"]}
for number, envelope in enumerate([bundle["keyring"], *(entry["envelope"] for entry in bundle["entries"])]):
    (signature,) = envelope["signatures"]
    keyid = signature["keyid"]
    key = root if number == 0 else agent if keyid.startswith("agent/") else keys[keyid]
    kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"], validate=True)
    (work / f"{number}.pae").write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
    (work / f"{number}.sig").write_bytes(base64.b64decode(signature["sig"], validate=True))
    (work / f"{number}.key").write_bytes(bytes.fromhex("302a300506032b6570032100") + base64.b64decode(key, validate=True))
PYTHON

for message in "$work"/*.pae; do
  part=${message%.pae}
  openssl pkeyutl -verify -rawin -in "$message" -sigfile "$part.sig" -pubin -keyform DER -inkey "$part.key" >"$work/said" 2>&1 || {
    echo "envelope $(basename "$part") (0 is the keyring): $(head -1 "$work/said")" >&2
    exit 1
  }
done
echo "$(ls "$work"/*.pae | wc -l | tr -d ' ') envelopes verify, the keyring among them"

// Checks what Countersign's ledger says with Go's own transparency log packages (golang.org/x/mod/sumdb) and its standard
// library alone: nothing of Countersign is used.
//
//	ledger-check bundle ROOT BUNDLE          every entry of an evidence bundle is in the ledger
//	ledger-check tiles ROOT KEYRING FOLDER   a mirror of the ledger (tlog-tiles) holds together
//
// ROOT is the offline root's public key: 32 bytes in base64.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type signature struct {
	KeyID string `json:"keyid"`
	Sig   string `json:"sig"`
}

type envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     string      `json:"payload"`
	Signatures  []signature `json:"signatures"`
}

// What the ledger holds of an envelope; its fields are in the order of RFC 8785.
type entry struct {
	PayloadSHA256 string      `json:"payloadSha256"`
	PayloadType   string      `json:"payloadType"`
	Signatures    []signature `json:"signatures"`
}

type bundle struct {
	Keyring envelope `json:"keyring"`
	Entries []struct {
		Envelope envelope `json:"envelope"`
		Proof    *string  `json:"proof"`
	} `json:"entries"`
}

type tree struct {
	size int64
	root tlog.Hash
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "version":
		fmt.Println("ledger-check 1")
		return nil
	case len(args) == 3 && args[0] == "bundle":
		return checkBundle(args[1], args[2])
	case len(args) == 4 && args[0] == "tiles":
		return checkTiles(args[1], args[2], args[3])
	}
	return errors.New("usage: ledger-check bundle ROOT BUNDLE | ledger-check tiles ROOT KEYRING FOLDER")
}

func checkBundle(root, path string) error {
	var b bundle
	if err := readJSON(path, &b); err != nil {
		return err
	}
	keys, err := checkpointKeys(root, b.Keyring)
	if err != nil {
		return err
	}
	proven := 0
	for i, e := range b.Entries {
		if e.Proof == nil {
			continue
		}
		if err := checkProof(*e.Proof, e.Envelope, keys); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		proven++
	}
	if proven == 0 {
		return errors.New("no entry has a proof")
	}
	fmt.Printf("%d of %d entries are in the ledger\n", proven, len(b.Entries))
	return nil
}

func checkProof(text string, e envelope, keys []ed25519.PublicKey) error {
	head, checkpoint, found := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	t, err := openCheckpoint(checkpoint, keys)
	if err != nil {
		return err
	}
	record, err := recordOf(e)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, t.size, t.root, index, tlog.RecordHash(record))
}

func recordOf(e envelope) ([]byte, error) {
	payload, err := base64.StdEncoding.DecodeString(e.Payload)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err = encoder.Encode(entry{fmt.Sprintf("%x", sha256.Sum256(payload)), e.PayloadType, e.Signatures})
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

func openCheckpoint(signed string, keys []ed25519.PublicKey) (tree, error) {
	origin, _, _ := strings.Cut(signed, "\n")
	var verifiers []note.Verifier
	for _, key := range keys {
		text, err := note.NewEd25519VerifierKey(origin, key)
		if err != nil {
			return tree{}, err
		}
		verifier, err := note.NewVerifier(text)
		if err != nil {
			return tree{}, err
		}
		verifiers = append(verifiers, verifier)
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(verifiers...))
	if err != nil {
		return tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 {
		return tree{}, errors.New("not a checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tree{size, root}, err
}

// The checkpoint keys of a keyring that the root signed (DSSE).
func checkpointKeys(root string, keyring envelope) ([]ed25519.PublicKey, error) {
	public, err := base64.StdEncoding.DecodeString(root)
	if err != nil || len(public) != ed25519.PublicKeySize {
		return nil, errors.New("ROOT is not 32 bytes in base64")
	}
	payload, err := base64.StdEncoding.DecodeString(keyring.Payload)
	if err != nil || len(keyring.Signatures) != 1 {
		return nil, errors.New("the keyring is not an envelope")
	}
	sig, err := base64.StdEncoding.DecodeString(keyring.Signatures[0].Sig)
	if err != nil {
		return nil, err
	}
	message := fmt.Sprintf("DSSEv1 %d %s %d %s", len(keyring.PayloadType), keyring.PayloadType, len(payload), payload)
	if !ed25519.Verify(public, []byte(message), sig) {
		return nil, errors.New("the keyring is not signed by the root")
	}
	var listed struct {
		Keys []struct {
			Purpose   string `json:"purpose"`
			PublicKey []byte `json:"publicKey"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(payload, &listed); err != nil {
		return nil, err
	}
	var keys []ed25519.PublicKey
	for _, key := range listed.Keys {
		if key.Purpose == "checkpoint" {
			keys = append(keys, key.PublicKey)
		}
	}
	return keys, nil
}

func checkTiles(root, keyringPath, folder string) error {
	var keyring envelope
	if err := readJSON(keyringPath, &keyring); err != nil {
		return err
	}
	keys, err := checkpointKeys(root, keyring)
	if err != nil {
		return err
	}
	signed, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return err
	}
	t, err := openCheckpoint(string(signed), keys)
	if err != nil {
		return err
	}
	// Every hash that the proofs need comes from the tiles, each verified against the checkpoint's root.
	hashes := tlog.TileHashReader(tlog.Tree{N: t.size, Hash: t.root}, tiles(folder))
	for index := int64(0); index < t.size; {
		records, err := readEntries(folder, index, t.size)
		if err != nil {
			return err
		}
		for _, record := range records {
			proof, err := tlog.ProveRecord(t.size, index, hashes)
			if err != nil {
				return err
			}
			if err := tlog.CheckRecord(proof, t.size, t.root, index, tlog.RecordHash(record)); err != nil {
				return fmt.Errorf("entry %d: %w", index, err)
			}
			index++
		}
	}
	fmt.Printf("%d entries are in the ledger, in this order\n", t.size)
	return nil
}

const width = 256

func readEntries(folder string, start, size int64) ([][]byte, error) {
	want := min(width, size-start)
	data, err := readTile(folder, "entries", start/width, int(want))
	if err != nil {
		return nil, err
	}
	var records [][]byte
	for int64(len(records)) < want {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("the entries from %d on are cut off", start)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		records = append(records, data[2:end])
		data = data[end:]
	}
	return records, nil
}

type tiles string

func (tiles) Height() int { return 8 }

func (folder tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		data, err := readTile(string(folder), strconv.Itoa(tile.L), tile.N, tile.W)
		if err != nil {
			return nil, err
		}
		all = append(all, data[:tile.W*tlog.HashSize])
	}
	return all, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// A tile of this width, or the full one that has taken its place (https://c2sp.org/tlog-tiles).
func readTile(folder, level string, index int64, w int) ([]byte, error) {
	path := fmt.Sprintf("%03d", index%1000)
	for rest := index / 1000; rest > 0; rest /= 1000 {
		path = fmt.Sprintf("x%03d/%s", rest%1000, path)
	}
	full := filepath.Join(folder, "tile", level, filepath.FromSlash(path))
	if w < width {
		if data, err := os.ReadFile(filepath.Join(full+".p", strconv.Itoa(w))); err == nil {
			return checkLength(data, level, w)
		}
	}
	data, err := os.ReadFile(full)
	if err != nil {
		return nil, err
	}
	return checkLength(data, level, w)
}

func checkLength(data []byte, level string, w int) ([]byte, error) {
	if level != "entries" && len(data) < w*tlog.HashSize {
		return nil, errors.New("a tile is cut off")
	}
	return data, nil
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

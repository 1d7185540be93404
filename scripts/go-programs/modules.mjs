// What building from published Go modules takes.

/** Downloads a module; answers as `go mod download -json` does: `Dir` holds its files, `GoMod` is its go.mod as published. */
export async function downloadModule(go, cwd, path, version) {
  return JSON.parse(await go(['mod', 'download', '-json', `${path}@${version}`], cwd));
}

// The OpenTelemetry Collector with what the tests need of it: OTLP in, a file out. Its own builder would write the same
// main program; there is no published one.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const OTELCOL_VERSION = '0.145.0';

const COLLECTOR = 'go.opentelemetry.io/collector';
const FILE_EXPORTER = 'github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter';
// The collector numbers its stable modules apart from the others; these belong together.
const STABLE_VERSION = '1.51.0';
const MODULES = {
  [FILE_EXPORTER]: OTELCOL_VERSION,
  [`${COLLECTOR}/component`]: STABLE_VERSION,
  [`${COLLECTOR}/confmap`]: STABLE_VERSION,
  [`${COLLECTOR}/confmap/provider/fileprovider`]: STABLE_VERSION,
  [`${COLLECTOR}/exporter`]: STABLE_VERSION,
  [`${COLLECTOR}/otelcol`]: OTELCOL_VERSION,
  [`${COLLECTOR}/receiver`]: STABLE_VERSION,
  [`${COLLECTOR}/receiver/otlpreceiver`]: OTELCOL_VERSION,
  [`${COLLECTOR}/service`]: OTELCOL_VERSION,
};

const MAIN = `package main

import (
	"fmt"
	"os"

	"${FILE_EXPORTER}"
	"${COLLECTOR}/component"
	"${COLLECTOR}/confmap"
	"${COLLECTOR}/confmap/provider/fileprovider"
	"${COLLECTOR}/exporter"
	"${COLLECTOR}/otelcol"
	"${COLLECTOR}/receiver"
	"${COLLECTOR}/receiver/otlpreceiver"
	"${COLLECTOR}/service/telemetry/otelconftelemetry"
)

func components() (otelcol.Factories, error) {
	receivers, err := otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory())
	if err != nil {
		return otelcol.Factories{}, err
	}
	exporters, err := otelcol.MakeFactoryMap[exporter.Factory](fileexporter.NewFactory())
	return otelcol.Factories{Telemetry: otelconftelemetry.NewFactory(), Receivers: receivers, Exporters: exporters}, err
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "version" {
		fmt.Println("OpenTelemetry Collector v${OTELCOL_VERSION}")
		return
	}
	providers := []confmap.ProviderFactory{fileprovider.NewFactory()}
	command := otelcol.NewCommand(otelcol.CollectorSettings{
		BuildInfo:              component.BuildInfo{Command: "otelcol", Version: "${OTELCOL_VERSION}"},
		Factories:              components,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{ProviderFactories: providers, DefaultScheme: "file"}},
	})
	if command.Execute() != nil {
		os.Exit(1)
	}
}
`;

/**
 * @param options `work`: an empty folder; `output`: the program's path; `go(args, cwd)` runs Go.
 */
export async function buildOtelcol({ work, output, go }) {
  await writeFile(join(work, 'main.go'), MAIN);
  const required = Object.entries(MODULES).map(([path, version]) => `\t${path} v${version}`);
  await writeFile(join(work, 'go.mod'), `module build\n\ngo 1.24.0\n\nrequire (\n${required.join('\n')}\n)\n`);
  await go(['build', '-mod=mod', '-p=2', '-trimpath', '-ldflags=-s -w', '-o', output, '.'], work);
}

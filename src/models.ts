/** Write a runtime for models of your own, or call a model without a worker. */
export { REQUEST_FUNCTIONS, type RequestFunction } from './core/request-functions.ts';
export { answerRequests, embedTexts } from './models/answer-requests.ts';
export { createBuiltinProvider } from './models/builtin-provider.ts';
export type { CallProgress } from './models/call-progress.ts';
export { defineModel, type ModelDefinition, type ModelMethod } from './models/define-model.ts';
export { parseJson, writeJson } from './models/json/json-text.ts';
export type { JsonSchema, JsonValue } from './models/json-value.ts';
export {
  failed,
  type ItemCost,
  type ItemFailure,
  type ItemOutcome,
  type ItemSuccess,
  invalid,
  type ModelError,
  type ModelErrorKind,
  succeeded,
  unavailable,
} from './models/outcome.ts';
export type {
  GenerateFunction,
  GenerateItem,
  GenerateOutput,
  Model,
  ModelRequest,
  RerankItem,
  TokenSpans,
} from './models/port.ts';
export type {
  KnownModelDescription,
  ModelCard,
  ModelDescription,
  ModelProvider,
  ModelSelection,
} from './models/provider.ts';
export { createModelRegistry, type ModelRegistry, type ModelRegistryOptions } from './models/registry.ts';

import type { Model } from '../../models/port.ts';

export type VisualModel = Model & Required<Pick<Model, 'embedImages'>>;

export function takesImages(model: Model): model is VisualModel {
  return model.embedImages !== undefined;
}

import { type MeasuredSystem, readSeries, type SeriesWindow } from '../../monitoring/read-series.ts';
import type { Overview, Series } from '../api.ts';
import { concealOverview } from '../conceal-errors.ts';
import { Refusal } from '../refusal.ts';
import type { Route } from '../route.ts';

const WINDOWS: readonly SeriesWindow[] = ['1h', '6h', '24h', '7d', '90d'];
const SYSTEMS: readonly MeasuredSystem[] = ['requests', 'tasks', 'jobs'];

export const OVERVIEW_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/overview',
    right: 'view',
    run: async ({ db, dashboard, rights }): Promise<Overview> =>
      concealOverview(await dashboard.readOverview(db), rights),
  },
  {
    method: 'GET',
    path: '/series',
    right: 'view',
    run({ db, query }): Promise<Series> {
      const { window = '1h', system = 'requests', function: functionName, model } = query;
      return readSeries(db, {
        window: oneOf('window', WINDOWS, window),
        system: oneOf('system', SYSTEMS, system),
        functionName: functionName === '' ? undefined : functionName,
        model: model === '' ? undefined : model,
      });
    },
  },
];

function oneOf<Value extends string>(name: string, known: readonly Value[], given: string): Value {
  const value = known.find((each) => each === given);
  if (value === undefined) throw new Refusal('INVALID', `${name}: expected one of ${known.join(', ')}`);
  return value;
}

import process from 'node:process';

/** True under `npm run test:hosts`, which has time for every host; otherwise the tests prove the few that matter most. */
export const provesAllHosts = process.env['LAMPLIGHTER_TEST_HOSTS'] === 'all';

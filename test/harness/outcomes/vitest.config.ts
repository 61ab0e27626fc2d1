import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { name: 'outcomes', include: ['test/harness/outcomes/*.fixture.ts'] } });

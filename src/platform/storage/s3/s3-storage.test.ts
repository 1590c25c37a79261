import { needsS3, shareS3 } from '../../../../test/harness/s3.ts';
import { readConfig, toConfig, type ConfigValues } from '../../config/index.ts';
import { testStorage } from '../adapter-suite.ts';
import { openS3Storage } from './s3-storage.ts';

const store = shareS3();

const open = (s3: ConfigValues['s3']) => openS3Storage(toConfig({ ...readConfig({}), s3 }).s3);

testStorage('s3', {
  test: needsS3,
  begin: async () => {
    const s3 = await (await store()).makeBucket({ prefix: 'registry/blobs/' });
    return () => open(s3);
  },
});

// The module of a training thread in the test's page.
import { serveTrainingThread } from './index.js';

serveTrainingThread();

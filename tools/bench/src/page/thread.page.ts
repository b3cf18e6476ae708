// The module of a training thread in the benchmark's page.
import { serveTrainingThread } from '@maehem/train/browser';

serveTrainingThread();

import { loadReading } from '../../src/broker/load-reading.ts'
import {
  loadClassic,
  loadTasks,
  loadTopics,
  loadTransactions,
  loadUseCases,
} from '../../src/broker/load-use-cases.ts'

// Before any world begins: virtual time does not wait for a file to be loaded.
await Promise.all([
  loadUseCases(),
  loadClassic(),
  loadTasks(),
  loadTopics(),
  loadTransactions(),
  loadReading(),
])

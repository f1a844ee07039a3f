import type { Attack } from '../scene.ts'
import { abortedPolls } from './aborted-polls.ts'
import { decodedFrames } from './decoded-frames.ts'
import { denseJson } from './dense-json.ts'
import { descriptors } from './descriptors.ts'
import { drippingBodies } from './dripping-bodies.ts'
import { fuzz } from './fuzz.ts'
import { hostileSockets } from './hostile-sockets.ts'
import { idlePolls } from './idle-polls.ts'
import { inflatingConsumers } from './inflating-consumers.ts'
import { inflatingJson } from './inflating-json.ts'
import { kafkaFrames } from './kafka-frames.ts'
import { ledger } from './ledger.ts'
import { setClocks } from './set-clocks.ts'
import { slowRequests } from './slow-requests.ts'
import { storeTroubles } from './store-troubles.ts'
import { unreadAnswers, unreadPipelines } from './unread-answers.ts'

/** All attacks, in the order in which the program carries them out. */
export const ATTACKS: readonly Attack[] = [
  inflatingJson,
  inflatingConsumers,
  unreadAnswers,
  unreadPipelines,
  drippingBodies,
  denseJson,
  descriptors,
  abortedPolls,
  idlePolls,
  slowRequests,
  fuzz,
  decodedFrames,
  kafkaFrames,
  hostileSockets,
  ledger,
  setClocks,
  ...storeTroubles,
]

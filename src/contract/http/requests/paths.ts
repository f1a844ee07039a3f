import { textParameter } from './parameters.ts'

export const TOPIC_PATH = { topic: textParameter("The topic's name.") }

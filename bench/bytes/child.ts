/** Measures one case with one checkout's code, and tells the process that forked this one. */
import { CASES } from './cases.ts'

const { tree, name, directory, records } = JSON.parse(process.argv[2]!)
const measured = await CASES[name]!.run({ tree, directory, records })
process.send!(measured)

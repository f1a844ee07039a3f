import { TidemarkError } from '../../errors.ts'

/** A member has to come again with the id that it is given here. */
export class MemberIdRequired extends TidemarkError {
  readonly memberId: string

  constructor(memberId: string) {
    super('MEMBER_ID_REQUIRED', 'Join again with the member id that was given.')
    this.memberId = memberId
  }
}

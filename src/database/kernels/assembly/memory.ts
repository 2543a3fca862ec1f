import { SLACK_SIZE_BYTES } from './layout'

/** Last address that encoded data may begin at; SLACK_SIZE_BYTES can be read behind it. */
@inline
export function readLimit(): usize {
  return (<usize>memory.size() << 16) - SLACK_SIZE_BYTES // at 4 GiB the shift gives 0, and the difference is right
}

import { build } from '../../scripts/build.mjs';

/** The end-to-end tests run the compiled program, so it is compiled from the sources under test. */
export default function setup(): void {
  build();
}

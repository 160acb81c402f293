// Buys below its moving average and sells above it, in small lots, around a flat book. Not meant to earn anything.

/** A strategy that answers each price with the next order, or with nothing. */
export class MeanReversion {
  #average = 0;
  #count = 0;

  /**
   * @param {number} price in cents
   * @param {number} position shares held
   */
  next(price, position) {
    this.#average = this.#average === 0 ? price : this.#average + (price - this.#average) / 200;
    this.#count += 1;
    const cheap = price < this.#average;
    const side = position > 50 ? 'sell' : position < -50 ? 'buy' : cheap ? 'buy' : 'sell';
    // Every third order crosses the market and trades at once, the others wait one to five ticks away.
    const away = this.#count % 3 === 0 ? -5 : 1 + (this.#count % 5);
    return { side, price: side === 'buy' ? price - away : price + away, quantity: 1 + (this.#count % 4) };
  }
}

// One budget of requests for all widgets of an origin, whether in one page or in several tabs: so many slots, each a Web
// Lock. Whoever has work stands in the queue of every slot and may have as many requests in flight as he holds slots.
// The browser itself gives back what a tab held that was closed or killed. Alone, all slots come at once and stay.

const NAME = 'updock:slot:';

/**
 * `told(0, n)`: n requests may be in flight from now on. `handle(n)`: there is work, and n requests are in flight;
 * `handle(-2)`: there is none any more. Gives 1; 0 where there are no locks: then everybody has a budget of his own.
 * While there is work in sight, the screen stays on too. `handle(-3)`: if the page were left now, something would be lost,
 * so the browser asks first; `handle(-4)`: nothing would.
 */
export const share = (told, slots) => {
  const { locks, wakeLock } = navigator;
  let off, channel, held = [], flying = 0, fair = slots, most = slots, may = 0, looking, timer;

  const ask = (slot) => {
    const turn = off;
    locks.request(NAME + slot, { signal: turn.signal }, () => turn === off && new Promise((free) => {
      held.push([slot, free]);
      look();
    })).catch(({ name }) => {
      // Locks that this page may not have (in a sandbox, say) are as good as none.
      if (turn === off && name !== 'AbortError') tell((fair = most = Infinity));
    });
  };
  const tell = (count) => {
    count = Math.min(count, fair > slots ? slots : held.length);
    if (may !== count) told(0, (may = count));
  };
  /** Gives back what is idle beyond `keep`, and asks for it anew: at the end of the queue. */
  const give = (keep) => {
    for (let idle = held.length - Math.max(keep, flying); idle > 0; idle -= 1) {
      const [slot, free] = held.pop();
      free();
      ask(slot);
    }
  };
  /**
   * Counts who shares: each holds or awaits every slot. What does not divide goes round: one request, then the next one's
   * turn. `call`: tells the others that somebody waits.
   */
  const look = async (call) => {
    const turn = off;
    if (looking === turn) return;
    looking = turn;
    const { held: taken, pending } = await locks.query().catch(() => ({}));
    if (turn !== off) return;
    looking = undefined;
    // Who has less than his share asks again; the others may not have heard.
    timer ??= setTimeout(() => {
      timer = undefined;
      if (off && held.length < Math.max(fair, 1)) look(true);
    }, 1000);
    if (!taken) return;
    const count = Math.max(1, Math.round([...taken, ...pending].filter(({ name }) => name.startsWith(NAME)).length / slots));
    fair = Math.floor(slots / count);
    most = Math.ceil(slots / count);
    if (call && count > 1) channel.postMessage(0);
    give(most);
    tell(most);
    tell(fair);
  };
  const awake = async (turn) => {
    const lock = document.hidden ? undefined : await wakeLock?.request('screen').catch(() => {});
    // A browser takes it back by itself when the page is hidden.
    if (lock) turn.signal.aborted ? lock.release() : turn.signal.addEventListener('abort', () => lock.release());
  };
  const join = () => {
    const turn = (off = new AbortController());
    awake(turn);
    document.addEventListener('visibilitychange', () => awake(turn), { signal: turn.signal });
    if (!locks) return;
    channel = new BroadcastChannel(NAME);
    channel.onmessage = async () => {
      await look();
      if (turn === off) give(fair);
    };
    for (let slot = 0; slot < slots; slot += 1) ask(slot);
    look(true);
    turn.signal.addEventListener('abort', () => {
      channel.close();
      for (const [, free] of held.splice(0)) free();
      may = 0;
    });
  };
  const stay = (event) => event.preventDefault();
  return (count) => {
    // Only while it matters: a page that listens is not kept for going back to.
    if (count === -3) return addEventListener('beforeunload', stay);
    if (count < -3 || count === -1) removeEventListener('beforeunload', stay);
    if (count < -3) return;
    const turn = off, ended = count < flying;
    flying = Math.max(count, 0);
    if (count < 0) {
      off = undefined;
      turn?.abort();
      if (turn && locks && count < -1) told(0, 0);
    } else if (!turn) join();
    else if (ended && locks) give(fair);
    return locks ? 1 : 0;
  };
};

// Exact counts: polynomials with integer coefficients at sizes of any length.

const MAX_DIGITS = 100; // of a size; a drawing to scale needs its squares as ordinary numbers

const evaluate = (place, sizes) => DATA.polynomials[place].reduce((sum, [coefficient, ...powers]) =>
  sum + powers.reduce((product, power, i) =>
    power ? product * sizes[DATA.symbols[i]] ** BigInt(power) : product, BigInt(coefficient)), 0n);

// What `layers` layers have, of which a pair says: the first one, each later one.
const total = ([first, later], sizes, layers) =>
  evaluate(first, sizes) + (layers > 1n ? (layers - 1n) * evaluate(later, sizes) : 0n);

const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
const signed = (number) =>
  number === 0n ? "same" : (number < 0n ? "−" : "+") + grouped(number < 0n ? -number : number);

function bytes(count) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  let unit = 0;
  let divisor = 1n;
  while (unit < units.length - 1 && 4n * count >= 1024n * divisor) {
    divisor *= 1024n;
    unit += 1;
  }
  if (unit === 0) return `${4n * count} bytes`;
  const hundredths = (400n * count + divisor / 2n) / divisor;
  const fraction = String(hundredths % 100n).padStart(2, "0");
  return `${grouped(hundredths / 100n)}.${fraction} ${units[unit]}`;
}

const greatestDivisor = (a, b) => (b ? greatestDivisor(b, a % b) : a);

// One ratio in words: exactly 3/4, or 0.752 times.
function ratio(a, b) {
  const divisor = greatestDivisor(a, b);
  const [over, under] = [a / divisor, b / divisor];
  if (over === under) return "exactly as many";
  if (over < 100n && under < 100n) return `exactly ${over}/${under} of that`;
  const thousandths = (1000n * a + b / 2n) / b;
  return `${thousandths / 1000n}.${String(thousandths % 1000n).padStart(3, "0")} times that`;
}

// The largest n with count(n) <= most, by halving; null if there is none.
function largest(count, most) {
  if (count(1n) > most) return null;
  let [low, high] = [1n, 2n];
  while (count(high) <= most) [low, high] = [high, 2n * high];
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (count(middle) <= most) low = middle;
    else high = middle;
  }
  return low;
}

// A polynomial as people write it: 3(n² + nm + 2n); with sizes, the numbers in place of the letters.
function written(place, sizes = null) {
  const order = ["n", "m", ...DATA.symbols.filter((s) => s !== "n" && s !== "m")];
  const terms = DATA.polynomials[place].map(([coefficient, ...powers]) => ({
    coefficient: BigInt(coefficient),
    powers: order.map((symbol) => powers[DATA.symbols.indexOf(symbol)]),
  }));
  if (!terms.length) return "0";
  const degree = (term) => term.powers.reduce((a, b) => a + b, 0);
  terms.sort((a, b) => degree(b) - degree(a)
    || b.powers.map((power, i) => power - a.powers[i]).find(Boolean) || 0);
  const absolute = (value) => (value < 0n ? -value : value);
  const common = terms.map((term) => absolute(term.coefficient)).reduce(greatestDivisor);
  const outside = terms.length > 1 && common > 1n ? common : 1n;
  const raised = (power) => (power > 1 ? [..."⁰¹²³⁴⁵⁶⁷⁸⁹"][power] : "");
  const inside = terms.map(({ coefficient, powers }, i) => {
    const factors = order.flatMap((symbol, j) =>
      powers[j] ? [(sizes ? sizes[symbol] : symbol) + raised(powers[j])] : []);
    const number = absolute(coefficient) / outside;
    if (number !== 1n || !factors.length) factors.unshift(String(number));
    const sign = coefficient < 0n ? (i ? " − " : "−") : i ? " + " : "";
    return sign + factors.join(sizes ? " · " : "");
  }).join("");
  return outside > 1n ? `${outside}${sizes ? " · " : ""}(${inside})` : inside;
}

// A size as a reader types it: {value}, or {fault} in one sentence.
function readSize(text) {
  const typed = text.trim();
  const short = typed.length > 24 ? `${typed.slice(0, 20)}…` : typed;
  const digits = /^\d{1,3}([,_  ]\d{3})+$/.test(typed) ? typed.replace(/\D/g, "") : typed;
  if (typed === "") return { fault: "Type a whole number, 1 or more." };
  if (/^\d+$/.test(digits)) {
    if (digits.length > MAX_DIGITS) {
      return { fault: `At most ${MAX_DIGITS} digits here; python -m gru_sym count takes any number.` };
    }
    const value = BigInt(digits);
    return value > 0n ? { value } : { fault: "A size is 1 or more." };
  }
  if (/^[-−]\s*\d+$/.test(typed)) return { fault: `A size is 1 or more, not ${short}.` };
  if (/^\d+[eE]\+?\d{1,2}$/.test(typed)) {
    const [digit, zeros] = typed.toLowerCase().split("e").map(Number);
    return { fault: `Write it out: ${digit}${"0".repeat(zeros)}.` };
  }
  if (/^[-−]?\d*[.,]\d+$/.test(typed)) return { fault: `A size is a whole number, not ${short}.` };
  return { fault: `“${short}” is not a whole number.` };
}

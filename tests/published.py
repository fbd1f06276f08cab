"""Cells that people publish and use: name, text, source, stored formula, true effective formula.

The catalogue's cells by their ids, cells of libraries and papers, and the variants of both that a
review found hardest to certify. No formula here comes from gru_sym: each effective one was found by
reasoning and is compared in `test_stress` with the rank of the oracle at three sizes or more.
`python -m stress.published` prints what gru_sym says of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Published:
    """A cell with the truth about it.

    Attributes
    ----------
    name, text, source : the cell; a source "recalled" was not read again.
    stored : the formula of its parameters.
    effective : the formula of those that count.
    condition : the sizes for which that formula holds, as comparisons with commas; "" for all.
    group : "catalogue", "field" or "variant".
    """

    name: str
    text: str
    source: str
    stored: str
    effective: str
    condition: str = ""
    group: str = "variant"


def _catalogue(name: str, stored: str, effective: str = "") -> Published:
    text = (files("gru_sym") / "texts" / f"{name}.cell").read_text(encoding="utf-8")
    source = "the catalogue's own text, which names its source"
    return Published(name, text, source, stored, effective or stored, group="catalogue")


CATALOGUE = (
    _catalogue("gru.answer", "3*m*n + 3*n**2 + 6*n", "3*m*n + 3*n**2 + 3*n"),
    _catalogue("gru.cho2014", "3*m*n + 3*n**2"),
    _catalogue("gru.cho2014_v1", "3*m*n + 3*n**2"),
    _catalogue("gru.dey_salem", "3*m*n + 3*n**2 + 3*n"),
    _catalogue("gru.dey_salem_1", "m*n + 3*n**2 + 3*n"),
    _catalogue("gru.dey_salem_2", "m*n + 3*n**2 + n"),
    _catalogue("gru.dey_salem_3", "m*n + n**2 + 3*n", "m*n + n**2 + 2*n"),
    _catalogue("gru.flux", "3*m*n + 3*n**2 + 3*n"),
    _catalogue("gru.keras", "3*m*n + 3*n**2 + 6*n", "3*m*n + 3*n**2 + 4*n"),
    _catalogue("gru.keras_reset_before", "3*m*n + 3*n**2 + 3*n"),
    _catalogue("gru.merged", "3*m*n + 3*n**2 + 4*n"),
    _catalogue("gru.pytorch", "3*m*n + 3*n**2 + 6*n", "3*m*n + 3*n**2 + 4*n"),
    _catalogue("lstm.keras", "4*m*n + 4*n**2 + 4*n"),
    _catalogue("lstm.peephole", "4*m*n + 4*n**2 + 7*n"),
    _catalogue("lstm.projected", "4*m*n + 5*n*p + 8*n", "4*m*n + 5*n*p + 4*n"),
    _catalogue("lstm.pytorch", "4*m*n + 4*n**2 + 8*n", "4*m*n + 4*n**2 + 4*n"),
    _catalogue("lstm.textbook", "4*m*n + 4*n**2 + 4*n"),
    _catalogue("minimal.mgu_flax", "2*m*n + 2*n**2 + 3*n"),
    _catalogue("rnn.elman", "m*n + n**2 + n"),
    _catalogue("rnn.pytorch", "m*n + n**2 + 2*n", "m*n + n**2 + n"),
)

FIELD = (
    Published(
        "minGRU",
        "z = sigmoid(W_z @ x + b_z)\ng = W_h @ x + b_h\nh' = (1 - z) * h + z * g",
        "Feng et al. 2024, arXiv 2410.01201",
        "2*m*n + 2*n",
        "2*m*n + 2*n",
        group="field",
    ),
    Published(
        "MGU",
        "f = sigmoid(W_f @ x + U_f @ h + b_f)\n"
        "g = tanh(W_h @ x + U_h @ (f * h) + b_h)\n"
        "h' = (1 - f) * h + f * g",
        "torchrecurrent 0.2.5, MGUCell",
        "2*m*n + 2*n**2 + 2*n",
        "2*m*n + 2*n**2 + 2*n",
        group="field",
    ),
    Published(
        "SRU",
        "x: n\n"
        "f = sigmoid(W_f @ x + v_f * c + b_f)\n"
        "r = sigmoid(W_r @ x + v_r * c + b_r)\n"
        "c' = f * c + (1 - f) * (W @ x)\n"
        "h' = r * c' + (1 - r) * x",
        "github.com/taolei87/sru",
        "3*n**2 + 4*n",
        "3*n**2 + 4*n",
        group="field",
    ),
    Published(
        "IndRNN",
        "h' = relu(W @ x + u * h + b)",
        "torchrecurrent 0.2.5, IndRNNCell",
        "m*n + 2*n",
        "m*n + 2*n",
        group="field",
    ),
    Published(
        "LiGRU",
        "z = sigmoid(W_z @ x + U_z @ h + b_z)\n"
        "g = relu(W_h @ x + U_h @ h + b_h)\n"
        "h' = z * h + (1 - z) * g",
        "torchrecurrent 0.2.5, LiGRUCell",
        "2*m*n + 2*n**2 + 2*n",
        "2*m*n + 2*n**2 + 2*n",
        group="field",
    ),
    Published(
        "LiGRU_bn_affine",
        "z = sigmoid(gamma_z * (W_z @ x) + beta_z + U_z @ h)\n"
        "g = relu(gamma_h * (W_h @ x) + beta_h + U_h @ h)\n"
        "h' = z * h + (1 - z) * g",
        "pytorch-kaldi; batch normalisation written as gain and bias",
        "2*m*n + 2*n**2 + 4*n",
        "2*m*n + 2*n**2 + 2*n",
        group="field",
    ),
    Published(
        "FastRNN",
        "alpha: 1\nbeta: 1\nh' = sigmoid(alpha) * tanh(W @ x + U @ h + b) + sigmoid(beta) * h",
        "torchrecurrent 0.2.5, FastRNNCell",
        "m*n + n**2 + n + 2",
        "m*n + n**2 + n + 2",
        group="field",
    ),
    Published(
        "FastGRNN",
        "zeta: 1\n"
        "nu: 1\n"
        "a = W @ x + U @ h\n"
        "z = sigmoid(a + b_z)\n"
        "g = tanh(a + b_h)\n"
        "h' = (sigmoid(zeta) * (1 - z) + sigmoid(nu)) * g + z * h",
        "torchrecurrent 0.2.5, FastGRNNCell",
        "m*n + n**2 + 2*n + 2",
        "m*n + n**2 + 2*n + 2",
        group="field",
    ),
    Published(
        "CFN",
        "theta = sigmoid(W_t @ x + U_t @ h + b_t)\n"
        "eta = sigmoid(W_e @ x + U_e @ h + b_e)\n"
        "h' = theta * tanh(h) + eta * tanh(W @ x)",
        "torchrecurrent 0.2.5, CFNCell",
        "3*m*n + 2*n**2 + 2*n",
        "3*m*n + 2*n**2 + 2*n",
        group="field",
    ),
    Published(
        "coRNN",
        "z' = z + 0.042 * (tanh(W @ h + Wz @ z + V @ x + b) - 2.7 * h - 4.7 * z)\n"
        "h' = h + 0.042 * z'",
        "torchrecurrent 0.2.5, coRNNCell / arXiv 2010.00951",
        "m*n + 2*n**2 + n",
        "m*n + 2*n**2 + n",
        group="field",
    ),
    Published(
        "UnICORNN",
        "dt = 0.1 * sigmoid(c_)\n"
        "z' = z - dt * (tanh(w * h + V @ x + b) + 0.5 * h)\n"
        "h' = h + dt * z'",
        "torchrecurrent 0.2.5, UnICORNNCell",
        "m*n + 3*n",
        "m*n + 3*n",
        group="field",
    ),
    Published(
        "ATR",
        "p = W @ x\nq = U @ h\ni = sigmoid(p + q)\nf = sigmoid(p - q)\nh' = i * p + f * h",
        "torchrecurrent 0.2.5, ATRCell without biases",
        "m*n + n**2",
        "m*n + n**2",
        group="field",
    ),
    Published(
        "Mogrifier_r2",
        "x1 = 2 * sigmoid(Q @ h) * x\n"
        "h1 = 2 * sigmoid(R @ x1) * h\n"
        "f = sigmoid(W_f @ x1 + U_f @ h1 + b_f)\n"
        "i = sigmoid(W_i @ x1 + U_i @ h1 + b_i)\n"
        "j = tanh(W_j @ x1 + U_j @ h1 + b_j)\n"
        "o = sigmoid(W_o @ x1 + U_o @ h1 + b_o)\n"
        "c' = f * c + i * j\n"
        "h' = o * tanh(c')",
        "Melis et al. 2020, arXiv 1909.01792, two rounds, recalled",
        "6*m*n + 4*n**2 + 4*n",
        "6*m*n + 4*n**2 + 4*n",
        group="field",
    ),
    Published(
        "RGLRU_no_sqrt",
        "x: n\n"
        "r = sigmoid(W_a @ x + b_a)\n"
        "i = sigmoid(W_x @ x + b_x)\n"
        "a = exp(-8 * softplus(L) * r)\n"
        "h' = a * h + (1 - a * a) * (i * x)",
        "arXiv 2402.19427, RG-LRU without its square root",
        "2*n**2 + 3*n",
        "2*n**2 + 3*n",
        group="field",
    ),
    Published(
        "TRNN",
        "z = W @ x\nf = sigmoid(V @ x + b)\nh' = f * h + (1 - f) * z",
        "torchrecurrent 0.2.5, TRNNCell",
        "2*m*n + n",
        "2*m*n + n",
        group="field",
    ),
    Published(
        "NAS",
        "g0 = sigmoid(W0 @ x + U0 @ h)\n"
        "g1 = relu(W1 @ x + U1 @ h)\n"
        "g2 = sigmoid(W2 @ x + U2 @ h)\n"
        "g3 = relu(W3 @ x + U3 @ h)\n"
        "g4 = tanh(W4 @ x + U4 @ h)\n"
        "g5 = sigmoid(W5 @ x + U5 @ h)\n"
        "g6 = tanh(W6 @ x + U6 @ h)\n"
        "g7 = sigmoid(W7 @ x + U7 @ h)\n"
        "l1 = tanh(g0 * g1)\n"
        "l2 = tanh(g2 + g3)\n"
        "l3 = tanh(g4 * g5)\n"
        "l4 = sigmoid(g6 + g7)\n"
        "q = tanh(l1 + c)\n"
        "c' = q * l2\n"
        "h' = tanh(c' * tanh(l3 + l4))",
        "torchrecurrent 0.2.5, NASCell",
        "8*m*n + 8*n**2",
        "8*m*n + 8*n**2",
        group="field",
    ),
    Published(
        "BRC",
        "a = 1 + tanh(U_a @ x + w_a * h)\n"
        "g = sigmoid(U_c @ x + w_c * h)\n"
        "h' = g * h + (1 - g) * tanh(U @ x + a * h)",
        "torchrecurrent 0.2.5, BRCell",
        "3*m*n + 2*n",
        "3*m*n + 2*n",
        group="field",
    ),
    Published(
        "LightRU",
        "g = tanh(W_h @ x)\nf = sigmoid(W_f @ x + U_f @ h + b_f)\nh' = (1 - f) * h + f * g",
        "torchrecurrent 0.2.5, LightRUCell",
        "2*m*n + n**2 + n",
        "2*m*n + n**2 + n",
        group="field",
    ),
    Published(
        "UGRNN",
        "g = sigmoid(W_g @ x + U_g @ h + b_g)\n"
        "h' = g * h + (1 - g) * tanh(W_c @ x + U_c @ h + b_c)",
        "torchrecurrent 0.2.5, UGRNNCell",
        "2*m*n + 2*n**2 + 2*n",
        "2*m*n + 2*n**2 + 2*n",
        group="field",
    ),
    Published(
        "ELMo_lstmp_one_bias",
        "h: p\n"
        "i = sigmoid(W_i @ x + U_i @ h + b_i)\n"
        "j = tanh(W_j @ x + U_j @ h + b_j)\n"
        "f = sigmoid(W_f @ x + U_f @ h + b_f)\n"
        "o = sigmoid(W_o @ x + U_o @ h + b_o)\n"
        "c' = f * c + i * j\n"
        "h' = P @ (o * tanh(c'))",
        "github.com/allenai/bilm-tf/issues/96",
        "4*m*n + 5*n*p + 4*n",
        "4*m*n + 5*n*p + 4*n",
        group="field",
    ),
    Published(
        "LayerNormLSTM_affine",
        "i = sigmoid(g_i * (W_i @ x + U_i @ h) + b_i)\n"
        "j = tanh(g_j * (W_j @ x + U_j @ h) + b_j)\n"
        "f = sigmoid(g_f * (W_f @ x + U_f @ h) + b_f)\n"
        "o = sigmoid(g_o * (W_o @ x + U_o @ h) + b_o)\n"
        "c' = f * c + i * j\n"
        "h' = o * tanh(c')",
        "layer normalisation written as gain and bias",
        "4*m*n + 4*n**2 + 8*n",
        "4*m*n + 4*n**2 + 4*n",
        group="field",
    ),
    Published(
        "RTGU",
        "r = sigmoid(W_r @ x + U_r @ h + b_r)\n"
        "z = sigmoid(W_z @ x + U_z @ h + b_z)\n"
        "g = tanh(W_h @ x + U_h @ (r * h) + b_h)\n"
        "h' = (1 - z) * h + z * g",
        "github.com/nickvankemenade-ai/RTGU",
        "3*m*n + 3*n**2 + 3*n",
        "3*m*n + 3*n**2 + 3*n",
        group="field",
    ),
)

_LOW_RANK_GATE = "y_{g} = B_{g} @ x\ny_{g}: k\n{g} = {f}(A_{g} @ y_{g} + {rest})\n"

_GRU_END = "h' = (1 - z) * h + z * n"

_LSTM_GATES = """\
i = sigmoid(W_i @ x + U_i @ h + b_i)
f = sigmoid(W_f @ x + U_f @ h + b_f)
g = tanh(W_g @ x + U_g @ h + b_g)
o = sigmoid(W_o @ x + U_o @ h + b_o)
c' = f * c + i * g
"""

_HARD_GRU = """\
z = hard_sigmoid({scale}(W_z @ x + U_z @ h + b_z))
r = hard_sigmoid({scale}(W_r @ x + U_r @ h + b_r))
n = tanh(W_h @ x + U_h @ (r * h) + b_h)
h' = z * h + (1 - z) * n"""

_MULTIPLICATIVE = """\
w = (W_wx @ x) * (W_wh @ h)
{declared}i = sigmoid(W_ix @ x + W_iw @ w + b_i)
o = sigmoid(W_ox @ x + W_ow @ w + b_o)
f = sigmoid(W_fx @ x + W_fw @ w + b_f)
c' = f * c + i * (W_cx @ x + W_cw @ w + b_c)
h' = o * tanh(c')"""

VARIANTS = (
    # Functions of one argument side by side.
    Published(
        "FastGRNN_low_rank",
        "zeta: 1\nnu: 1\np = W2 @ x\np: k\nq = U2 @ h\nq: r\na = W1 @ p + U1 @ q\n"
        "z = sigmoid(a + b_z)\ng = tanh(a + b_h)\n"
        "h' = (sigmoid(zeta) * (1 - z) + sigmoid(nu)) * g + z * h",
        "Kusupati et al. 2018, arXiv 1901.02358, low rank, recalled",
        "k*m + k*n + 2*n*r + 2*n + 2",
        "k*m + k*n - k**2 + 2*n*r - r**2 + 2*n + 2",
        "k <= m, k <= n, r <= n",
    ),
    Published(
        "tied_gates",
        "a = W @ x + U @ h\nh' = sigmoid(a) * h + (1 - sigmoid(a)) * tanh(a)",
        "one pre-activation for gate and candidate",
        "m*n + n**2",
        "m*n + n**2",
    ),
    Published(
        "tied_gates_slope_two",
        "a = W @ x + U @ h + b\nh' = sigmoid(a) * h + sigmoid(2 * a) * tanh(V @ x)",
        "one pre-activation under two slopes",
        "2*m*n + n**2 + n",
        "2*m*n + n**2 + n",
    ),
    Published(
        "tied_gates_own_bias",
        "a = W @ x + U @ h\nh' = sigmoid(a + b) * h + (1 - sigmoid(a + d)) * tanh(a + e)",
        "one pre-activation, a bias a gate",
        "m*n + n**2 + 3*n",
        "m*n + n**2 + 3*n",
    ),
    # Piecewise functions.
    Published(
        "GRU_keras2_hard_sigmoid",
        _HARD_GRU.format(scale="1.2 * "),
        "Keras 2, recurrent_activation='hard_sigmoid', clip(0.2 u + 0.5), reset before, recalled",
        "3*m*n + 3*n**2 + 3*n",
        "3*m*n + 3*n**2 + 3*n",
    ),
    Published(
        "GRU_keras3_hard_sigmoid",
        _HARD_GRU.format(scale=""),
        "Keras 3, recurrent_activation='hard_sigmoid', reset_after=False",
        "3*m*n + 3*n**2 + 3*n",
        "3*m*n + 3*n**2 + 3*n",
    ),
    Published(
        "LSTM_keras2_hard_sigmoid",
        "i = hard_sigmoid(1.2 * (W_i @ x + U_i @ h + b_i))\n"
        "f = hard_sigmoid(1.2 * (W_f @ x + U_f @ h + b_f))\n"
        "o = hard_sigmoid(1.2 * (W_o @ x + U_o @ h + b_o))\n"
        "c' = f * c + i * tanh(W_c @ x + U_c @ h + b_c)\nh' = o * tanh(c')",
        "Keras 2, LSTM as it came, recalled",
        "4*m*n + 4*n**2 + 4*n",
        "4*m*n + 4*n**2 + 4*n",
    ),
    Published(
        "RNN_relu_two_biases",
        "h' = relu(W_ih @ x + b_ih + W_hh @ h + b_hh)",
        "PyTorch, nn.RNN(nonlinearity='relu')",
        "m*n + n**2 + 2*n",
        "m*n + n**2 + n",
    ),
    Published(
        "relu_network",
        "h' = A @ relu(B @ x + C @ h + b)",
        "one hidden layer of relus, whose rows scale against columns",
        "k*m + 2*k*n + k",
        "k*m + 2*k*n",
    ),
    Published(
        "relu_gain",
        "h' = a * relu(W @ x + U @ h + b)",
        "a gain behind relu",
        "m*n + n**2 + 2*n",
        "m*n + n**2 + n",
    ),
    # Low rank, residual and MLP cells.
    Published(
        "GRU_low_rank",
        _LOW_RANK_GATE.format(g="z", f="sigmoid", rest="U_z @ h + b_z")
        + _LOW_RANK_GATE.format(g="r", f="sigmoid", rest="U_r @ h + b_r")
        + _LOW_RANK_GATE.format(g="n", f="tanh", rest="U_n @ (r * h) + b_n")
        + _GRU_END,
        "a GRU whose input kernels have rank k",
        "3*k*m + 3*k*n + 3*n**2 + 3*n",
        "3*k*m + 3*k*n - 3*k**2 + 3*n**2 + 3*n",
        "k <= m, k <= n",
    ),
    Published(
        "RNN_low_rank",
        "h' = tanh(A @ (B @ x) + U @ h + b)",
        "an Elman cell whose input kernel has rank k",
        "k*m + k*n + n**2 + n",
        "k*m + k*n - k**2 + n**2 + n",
        "k <= m, k <= n",
    ),
    Published(
        "residual_MLP",
        "h' = h + W2 @ tanh(W1 @ x + U1 @ h + b1) + b2",
        "a residual step with one hidden layer",
        "k*m + 2*k*n + k + n",
        "k*m + 2*k*n + k + n",
    ),
    Published(
        "MLP",
        "h' = tanh(W2 @ tanh(W1 @ x + U1 @ h + b1) + b2)",
        "one hidden layer inside the cell",
        "k*m + 2*k*n + k + n",
        "k*m + 2*k*n + k + n",
    ),
    # Peepholes, two layers in a cell.
    Published(
        "LSTM_full_peepholes",
        "i = sigmoid(W_i @ x + U_i @ h + V_i @ c + b_i)\n"
        "f = sigmoid(W_f @ x + U_f @ h + V_f @ c + b_f)\n"
        "c' = f * c + i * tanh(W_c @ x + U_c @ h + b_c)\n"
        "o = sigmoid(W_o @ x + U_o @ h + V_o @ c' + b_o)\nh' = o * tanh(c')",
        "Graves 2013, arXiv 1308.0850, with full matrices, recalled",
        "4*m*n + 7*n**2 + 4*n",
        "4*m*n + 7*n**2 + 4*n",
    ),
    Published(
        "deep_transition",
        "u = tanh(W @ x + U @ h + b)\nu: p\nh' = tanh(V @ u + d)",
        "Pascanu et al. 2014, arXiv 1312.6026, DT-RNN, recalled",
        "m*p + 2*n*p + n + p",
        "m*p + 2*n*p + n + p",
    ),
    Published(
        "two_layers",
        "c' = tanh(W1 @ x + U1 @ c + b1)\nh' = tanh(W2 @ c' + U2 @ h + b2)",
        "two Elman layers in one cell",
        "m*n + 3*n**2 + 2*n",
        "m*n + 3*n**2 + 2*n",
    ),
    # Projections.
    Published(
        "LSTM_projection_bias",
        f"h: p\n{_LSTM_GATES}h' = P @ (o * tanh(c')) + d",
        "an LSTM with a linear layer, bias and all, behind it",
        "4*m*n + 5*n*p + 4*n + p",
        "4*m*n + 5*n*p + 4*n + p",
    ),
    Published(
        "LSTM_two_projections",
        f"h: p\nq: r\n{_LSTM_GATES}h' = P @ (o * tanh(c'))\nq' = Q @ (o * tanh(c')) + d * q",
        "Sak et al. 2014, arXiv 1402.1128, recurrent and other projection, recalled",
        "4*m*n + 5*n*p + n*r + 4*n + r",
        "4*m*n + 5*n*p + n*r + 4*n + r",
    ),
    Published(
        "LSTM_twin_projections",
        f"h: p\n{_LSTM_GATES}h' = P @ (o * tanh(c')) + Q @ (o * tanh(c')) + d",
        "two projections added before the same data",
        "4*m*n + 6*n*p + 4*n + p",
        "4*m*n + 5*n*p + 4*n + p",
    ),
    # Products.
    Published(
        "mLSTM",
        _MULTIPLICATIVE.format(declared="w: n\n"),
        "Krause et al. 2016, arXiv 1609.07959, as in pytorch-sentiment-neuron",
        "5*m*n + 5*n**2 + 4*n",
        "5*m*n + 5*n**2 + 2*n",
        "m >= 2",
    ),
    Published(
        "mLSTM_free_size",
        _MULTIPLICATIVE.format(declared=""),
        "the same with an inner size of its own",
        "k*m + 5*k*n + 4*m*n + 4*n",
        "k*m + 5*k*n + 4*m*n + 4*n - 2*k",
        "m >= 2, k <= n",
    ),
    Published(
        "MRNN",
        "w = (W_wx @ x) * (W_wh @ h)\nw: n\nh' = tanh(W_hx @ x + W_hw @ w + b)",
        "Sutskever et al. 2011, the multiplicative RNN, recalled",
        "2*m*n + 2*n**2 + n",
        "2*m*n + 2*n**2 - n",
        "m >= 2",
    ),
    Published(
        "MI_RNN",
        "h' = tanh(a * (W @ x) * (U @ h) + d * (U @ h) + e * (W @ x) + b)",
        "Wu et al. 2016, arXiv 1606.06630, recalled",
        "m*n + n**2 + 4*n",
        "m*n + n**2 + 2*n",
    ),
    Published(
        "Hadamard_kernel",
        "h' = tanh((M * W) @ x + U @ h + b)",
        "a kernel that is the product of two, entry by entry",
        "2*m*n + n**2 + n",
        "m*n + n**2 + n",
    ),
    # exp gates.
    Published(
        "exp_gates",
        "i = exp(W_i @ x + U_i @ h + b_i)\nf = sigmoid(W_f @ x + U_f @ h + b_f)\n"
        "z = tanh(W_z @ x + U_z @ h + b_z)\no = sigmoid(W_o @ x + U_o @ h + b_o)\n"
        "c' = f * c + i * z\ns' = f * s + i\nh' = o * c'",
        "Beck et al. 2024, arXiv 2405.04517, sLSTM without its quotient",
        "4*m*n + 4*n**2 + 4*n",
        "4*m*n + 4*n**2 + 4*n",
    ),
    Published(
        "exp_gate_gain",
        "h' = f * h + s * exp(W @ x + b)",
        "an exponential gate with a gain",
        "m*n + 3*n",
        "m*n + 2*n",
    ),
    # Sums and products of biases, vectors and numbers.
    Published(
        "sums_without_pivot",
        "h' = tanh(W @ x + a + b) + sigmoid(U @ h + b + d) + tanh(V @ x + a - d)",
        "three sums of three biases, of rank two",
        "2*m*n + n**2 + 3*n",
        "2*m*n + n**2 + 2*n",
    ),
    Published(
        "scalar_product_twice",
        "z = w @ x\nh' = tanh(z * a) + sigmoid(z * d)\nz: 1",
        "one number that drives two functions",
        "m + 2*n",
        "m + 2*n - 1",
    ),
    Published(
        "rank_one_input",
        "y = v @ x\nh' = tanh(u * y + U @ h)\ny: 1",
        "an input kernel of rank one",
        "m + n + n**2",
        "m + n + n**2 - 1",
    ),
    Published(
        "rank_one_update",
        "s = w @ h\nh' = h + s * u + W @ x\ns: 1",
        "a residual step of rank one",
        "m*n + 2*n",
        "m*n + 2*n - 1",
    ),
    Published(
        "scalar_gate",
        "z = sigmoid(w @ x + u @ h + b)\nz: 1\nh' = z * h + (1 - z) * tanh(W @ x + U @ h + d)",
        "one gate for all units, its bias one number",
        "m*n + n**2 + m + 2*n + 1",
        "m*n + n**2 + m + 2*n + 1",
    ),
    # Others of papers.
    Published(
        "JANET",
        "s = W_f @ x + U_f @ h + b_f\ng = tanh(W_g @ x + U_g @ h + b_g)\n"
        "h' = sigmoid(s) * h + (1 - sigmoid(s - 1)) * g",
        "van der Westhuizen & Lasenby 2018, arXiv 1804.04849, recalled",
        "2*m*n + 2*n**2 + 2*n",
        "2*m*n + 2*n**2 + 2*n",
    ),
    Published(
        "RAN",
        "g = W_c @ x + b_c\ni = sigmoid(W_i @ x + U_i @ h + b_i)\n"
        "f = sigmoid(W_f @ x + U_f @ h + b_f)\nc' = i * g + f * c\nh' = tanh(c')",
        "Lee et al. 2017, arXiv 1705.07393, recalled",
        "3*m*n + 2*n**2 + 3*n",
        "3*m*n + 2*n**2 + 3*n",
    ),
    Published(
        "minLSTM",
        "f = sigmoid(W_f @ x + b_f)\ni = sigmoid(W_i @ x + b_i)\nh' = f * h + i * (W_h @ x + b_h)",
        "Feng et al. 2024, arXiv 2410.01201, before its normalisation of gates",
        "3*m*n + 3*n",
        "3*m*n + 3*n",
    ),
    Published(
        "RHN_depth_two",
        "t1 = sigmoid(W_t @ x + R_t1 @ h + b_t1)\ns = tanh(W_h @ x + R_h1 @ h + b_h1)\n"
        "u = s * t1 + h * (1 - t1)\nt2 = sigmoid(R_t2 @ u + b_t2)\n"
        "h' = tanh(R_h2 @ u + b_h2) * t2 + u * (1 - t2)",
        "Zilly et al. 2017, arXiv 1607.03474, depth two, recalled",
        "2*m*n + 4*n**2 + 4*n",
        "2*m*n + 4*n**2 + 4*n",
    ),
    Published(
        "linear_state_space",
        "s: p\ns' = A @ s + B @ x\nh' = C @ s' + D @ x",
        "the linear state-space cell with a direct term",
        "m*n + m*p + n*p + p**2",
        "m*n + m*p + n*p + p**2",
    ),
)

PUBLISHED = (*CATALOGUE, *FIELD, *VARIANTS)
"""All of them, in the order in which users meet them."""

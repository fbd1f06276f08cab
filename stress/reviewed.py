"""The cells of a review that tried to break the certificates.

Beside each stands the truth, a formula of the effective count, or None where the review gives
none or it holds for some sizes only; the oracle has the last word on both.
"""

from __future__ import annotations

REVIEWED: tuple[tuple[str, str | None], ...] = (
    # A row kernel is no vector: rank-one kernels.
    ("y = v @ x\nh' = tanh(u * y + U @ h)\ny: 1", "m + n + n**2 - 1"),
    ("s = w @ h\nh' = h + s * u + W @ x\ns: 1", "m*n + 2*n - 1"),
    ("h' = tanh(u @ (v @ x) + U @ h)\nu: n", "m + n + n**2 - 1"),
    ("y = v @ x\nh' = tanh(a * y + W @ x + U @ h)\ny: 1", "m*n + n**2"),
    ("s = v @ x + w @ h\nh' = s * a + U @ h\ns: 1", "m + n + n**2 - 1"),
    # A parameter that is inferred to be one number is one.
    ("z = w @ x + b\nh' = z * h + s * h\nz: 1", "m + n"),
    ("z = w @ x + b\nh' = z * tanh(U @ h) * d\nz: 1", "m + n + n**2"),
    ("z = w @ x + b\ny = v @ x + d\nh' = z * y * h\nz: 1\ny: 1", "2*m + 1"),
    ("z = w @ x + b\nh' = z * h + tanh(W @ x + U @ h)\nz: 1", "m*n + n**2 + m + 1"),
    ("z = w @ x + b\nh' = U @ (z * h)\nz: 1", "m + n**2"),
    ("z = w @ x + b\nh' = z * (U @ h)\nz: 1", "m + n**2"),
    # An inner size that is too large.
    ("y = B @ x\nh' = tanh(A @ y + U @ h)\ny: 4", None),
    ("h' = tanh(A @ (B @ x) + U @ h)", None),
    # Sums whose biases were dropped by hand.
    ("h' = tanh(a - W @ x + e)", "m*n + n"),
    ("h' = tanh(b_1 + b_2 - U @ h)", "n**2 + n"),
    ("z = b_1 + b_2\nh' = tanh(W @ x + z) + sigmoid(U @ h + z)", "m*n + n**2 + n"),
    ("h' = tanh(a + W @ x - (g + d) + e)", "m*n + n"),
    # The theorem for all sizes.
    ("h' = tanh((W * V) @ x + b)", "m*n + n"),
    ("h' = (A @ x) * (B @ x) + U @ h", None),
    ("h' = (A @ x) * (B @ x) * (C @ x) + U @ h", None),
    ("h' = tanh((V @ x) * (W @ x) + (A @ h) * (B @ h) + b)", None),
    ("h' = (V @ x) * (W @ x) * (A @ h) + b * (V @ x)", None),
    (
        "h' = (P @ sigmoid(c + d)) * (P @ sigmoid(c + d))\nc' = tanh(W @ x + U @ h)\nh: p",
        "m*n + 2*n*p + n",
    ),
    ("h' = sigmoid(softplus(W @ x)) * sigmoid(W @ x)", "m*n"),
    ("h' = v * sigmoid(softplus(W @ x)) * (2 - sigmoid(W @ x))", "n"),
    ("h' = tanh(A @ (B @ x) + b)", None),
    # Found to depend on the hash seed.
    (
        (
            "r = hard_sigmoid(W_r @ x + U_r @ h + b_r)\nz = hard_sigmoid(W_z @ x + U_z @ h + b_z)\n"
            "n = tanh(W_h @ x + U_h @ (r * h) + b_h)\nh' = (1 - z) * n + z * h"
        ),
        "3*m*n + 3*n**2 + 3*n",
    ),
    # Layers that lose more than their cells.
    ("c' = a * c + W @ x\nh' = tanh(d * c' + b)", "m*n + 3*n"),
    ("s' = A @ s + B @ x\nh' = C @ s'", None),
    # A slope so steep that it jumps.
    (
        (
            "r = hard_sigmoid(1000000 * (W_ir @ x + b_ir + W_hr @ h + b_hr))\n"
            "z = sigmoid(W_iz @ x + b_iz + W_hz @ h + b_hz)\n"
            "n = tanh(W_in @ x + b_in + r * (W_hn @ h + b_hn))\nh' = (1 - z) * n + z * h"
        ),
        "3*m*n + 3*n**2 + 4*n",
    ),
    # Honest, but not certified then.
    ("a = W @ x + U @ h\nh' = tanh(a) * sigmoid(a)", "m*n + n**2"),
    ("a = W @ x + U @ h\nh' = sigmoid(a + b) * tanh(a + d)", "m*n + n**2 + 2*n"),
    ("a = W @ x + U @ h\nh' = sigmoid(a) * sigmoid(2 * a)", "m*n + n**2"),
    ("a = W @ x + U @ h\nh' = sigmoid(a) * sigmoid(a + b)", "m*n + n**2 + n"),
    ("a = W @ x + U @ h\nh' = exp(a + b) * sigmoid(a)", "m*n + n**2 + n"),
    ("h' = relu(W @ x + u * h + b)", "m*n + 2*n"),
    ("h' = h + W2 @ tanh(W1 @ x + U1 @ h + b1) + b2", None),
    ("h' = A @ tanh(B @ x + C @ h)", None),
    (
        (
            "i = sigmoid(W_i @ x + U_i @ h + V_i @ c)\nf = sigmoid(W_f @ x + U_f @ h + V_f @ c)\n"
            "c' = f * c + i * tanh(W_c @ x + U_c @ h)\no = sigmoid(W_o @ x + U_o @ h + V_o @ c')\n"
            "h' = o * tanh(c')"
        ),
        "4*m*n + 7*n**2",
    ),
    (
        "o = sigmoid(W @ x + U @ h)\nc' = o * c + tanh(V @ x)\nh' = P @ (o * tanh(c')) + d\nh: p",
        "2*m*n + 2*n*p + p",
    ),
    (
        (
            "o = sigmoid(W @ x + U @ h)\nc' = o * c + tanh(V @ x)\n"
            "h' = P @ (o * tanh(c')) + Q @ (o * tanh(c'))\nh: p"
        ),
        "2*m*n + 2*n*p",
    ),
    ("h' = A @ ((B @ x) * (C @ h))", None),
    ("w = (B @ x) * (C @ h)\nw: n\nh' = tanh(A @ w)", None),
    ("h' = s * exp(W @ x + b)", "m*n + n"),
    ("h' = exp(a) * exp(W @ x)", "m*n + n"),
    ("h' = A @ relu(B @ x + b)", "k*m + k*n"),
    ("h' = a * relu(W @ x + b)", "m*n + n"),
    ("h' = tanh(W @ x + a + b) + sigmoid(U @ h + b + d) + tanh(V @ x + a - d)", None),
    ("h' = (M * W) @ x", "m*n"),
    ("h' = A @ (B @ h) - B @ (A @ h)", None),
    ("h' = A @ (a * (A @ h)) + W @ x", None),
    ("z = w @ x\nh' = tanh(z * a) + sigmoid(z * d)\nz: 1", "m + 2*n - 1"),
    ("h' = relu(2 * (W @ x)) - 2 * relu(W @ x) + U @ h", "n**2"),
    ("h' = relu(relu(W @ x)) + b", "m*n + n"),
    ("h' = hard_sigmoid(W @ x) - relu(W @ x / 6 + 0.5) + relu(W @ x / 6 - 0.5) + b", "n"),
    ("h' = exp(W @ x + b) - exp(W @ x) * exp(b) + U @ h", "n**2"),
    ("h' = sigmoid(W @ x) * exp(-(W @ x)) - sigmoid(-(W @ x)) + b", "n"),
    ("h' = exp(softplus(W @ x)) - exp(W @ x) + b * h", "n"),
    ("h' = relu(s * relu(W @ x))", None),
    ("h' = hard_sigmoid(W @ x)", "m*n"),
    ("h' = tanh(W @ u + U @ h + b)", None),
)

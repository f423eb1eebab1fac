"""Table 1 as published; the first digit of the MLP's reference error is lost in the scan of the
paper and was restored.
"""

# (model, defense) -> test error in %, then rho under DeepFool, Carlini-Wagner and the paper's
# attack.
TABLE_1 = {
    ('mlp', 'none'): (1.46, 0.131, 0.124, 0.173),
    ('mlp', 'fgsm_at'): (0.90, 0.228, 0.210, 0.299),
    ('mlp', 'vat'): (0.84, 0.244, 0.215, 0.355),
    ('mlp', 'margin'): (0.84, 0.262, 0.230, 0.453),
    ('mlp', 'critic'): (1.18, 0.290, 0.272, 0.575),
    ('lenet5', 'none'): (0.64, 0.157, 0.148, 0.207),
    ('lenet5', 'fgsm_at'): (0.55, 0.215, 0.191, 0.286),
    ('lenet5', 'vat'): (0.60, 0.225, 0.195, 0.330),
    ('lenet5', 'margin'): (0.54, 0.248, 0.225, 0.470),
    ('lenet5', 'critic'): (0.93, 0.288, 0.278, 0.590),
}
COLUMNS = ('error', 'deepfool', 'carlini', 'high_confidence')


def published(model, defense, column):
    """The published value of a cell of Table 1, None where there is none."""
    row = TABLE_1.get((model, defense))
    return row[COLUMNS.index(column)] if row and column in COLUMNS else None

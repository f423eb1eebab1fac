"""Table 2 of the paper, what people see in the adversarial images, as published."""

# (model, defense) -> % of the labels that are the adversarial target, % that are the original one.
PUBLISHED = {
    ('mlp', 'none'): (0.57, 98.74),
    ('mlp', 'fgsm_at'): (19.02, 77.21),
    ('mlp', 'vat'): (35.08, 59.68),
    ('mlp', 'margin'): (60.47, 34.52),
    ('mlp', 'critic'): (87.99, 9.86),
    ('lenet5', 'none'): (2.54, 96.53),
    ('lenet5', 'fgsm_at'): (19.1, 75.94),
    ('lenet5', 'vat'): (26.8, 67.73),
    ('lenet5', 'margin'): (81.77, 13.15),
    ('lenet5', 'critic'): (92.29, 6.51),
}
ASSIGNMENTS = 400   # of 10,000 test images, each completed by one annotator
PER_ASSIGNMENT = 25

"""``competition.yaml`` of CodaLab, versions 1 to 1.8, as the same draft: competition, phases, boards."""

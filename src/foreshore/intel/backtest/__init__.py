"""Would the ranking have worked? Past days ranked with what was known then, held against what came after."""

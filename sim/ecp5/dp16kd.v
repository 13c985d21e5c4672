// The ECP5's block RAM: two ports, each 1, 2, 4, 9 or 18 bits wide, or one that writes 36 bits and
// one that reads 36 or fewer.
//
// Ref: Lattice FPGA-TN-02204, ECP5 and ECP5-5G Memory Usage Guide; yosys, brams_map_16kd.v.
//
// For judging netlists, so it is strict: what one port reads while the other writes it, on the same
// edge, is wrong on purpose, as the guide promises nothing there. Both ports must share one clock
// for that to be noticed, and must not write into the same 36 bits on one edge.

/* verilator lint_off WIDTH */
/* verilator lint_off MULTIDRIVEN */
module DP16KD #(
    parameter integer DATA_WIDTH_A = 18,
    parameter integer DATA_WIDTH_B = 18,
    parameter REGMODE_A = "NOREG",
    parameter REGMODE_B = "NOREG",
    parameter RESETMODE = "SYNC",
    parameter ASYNC_RESET_RELEASE = "SYNC",
    parameter CSDECODE_A = "0b000",
    parameter CSDECODE_B = "0b000",
    parameter WRITEMODE_A = "NORMAL",
    parameter WRITEMODE_B = "NORMAL",
    parameter CLKAMUX = "CLKA",
    parameter CLKBMUX = "CLKB",
    parameter GSR = "ENABLED",
    parameter INIT_DATA = "STATIC",
    // 16 words of 18 bits each, in 20.
    parameter [319:0] INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0,
    parameter [319:0] INITVAL_04 = 0, INITVAL_05 = 0, INITVAL_06 = 0, INITVAL_07 = 0,
    parameter [319:0] INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A = 0, INITVAL_0B = 0,
    parameter [319:0] INITVAL_0C = 0, INITVAL_0D = 0, INITVAL_0E = 0, INITVAL_0F = 0,
    parameter [319:0] INITVAL_10 = 0, INITVAL_11 = 0, INITVAL_12 = 0, INITVAL_13 = 0,
    parameter [319:0] INITVAL_14 = 0, INITVAL_15 = 0, INITVAL_16 = 0, INITVAL_17 = 0,
    parameter [319:0] INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B = 0,
    parameter [319:0] INITVAL_1C = 0, INITVAL_1D = 0, INITVAL_1E = 0, INITVAL_1F = 0,
    parameter [319:0] INITVAL_20 = 0, INITVAL_21 = 0, INITVAL_22 = 0, INITVAL_23 = 0,
    parameter [319:0] INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 = 0, INITVAL_27 = 0,
    parameter [319:0] INITVAL_28 = 0, INITVAL_29 = 0, INITVAL_2A = 0, INITVAL_2B = 0,
    parameter [319:0] INITVAL_2C = 0, INITVAL_2D = 0, INITVAL_2E = 0, INITVAL_2F = 0,
    parameter [319:0] INITVAL_30 = 0, INITVAL_31 = 0, INITVAL_32 = 0, INITVAL_33 = 0,
    parameter [319:0] INITVAL_34 = 0, INITVAL_35 = 0, INITVAL_36 = 0, INITVAL_37 = 0,
    parameter [319:0] INITVAL_38 = 0, INITVAL_39 = 0, INITVAL_3A = 0, INITVAL_3B = 0,
    parameter [319:0] INITVAL_3C = 0, INITVAL_3D = 0, INITVAL_3E = 0, INITVAL_3F = 0
) (
    input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5,
        DIA4, DIA3, DIA2, DIA1, DIA0,
    input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5,
        DIB4, DIB3, DIB2, DIB1, DIB0,
    input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
    input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
    input CLKA, CEA, OCEA, WEA, RSTA, CSA2, CSA1, CSA0,
    input CLKB, CEB, OCEB, WEB, RSTB, CSB2, CSB1, CSB0,
    output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5,
        DOA4, DOA3, DOA2, DOA1, DOA0,
    output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5,
        DOB4, DOB3, DOB2, DOB1, DOB0
);
    localparam WIDE = DATA_WIDTH_A == 36;

    wire [13:0] ada = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2,
        ADA1, ADA0};
    wire [13:0] adb = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2,
        ADB1, ADB0};
    wire [17:0] dia = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7,
        DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
    wire [17:0] dib = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7,
        DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};
    wire clka = CLKAMUX == "INV" ? ~CLKA : CLKA;
    wire clkb = CLKBMUX == "INV" ? ~CLKB : CLKB;

    // The last three characters of "0b000".
    wire [2:0] chosen_a = {CSDECODE_A[16], CSDECODE_A[8], CSDECODE_A[0]};
    wire [2:0] chosen_b = {CSDECODE_B[16], CSDECODE_B[8], CSDECODE_B[0]};
    wire ena = CEA && {CSA2, CSA1, CSA0} == chosen_a;
    wire enb = CEB && {CSB2, CSB1, CSB0} == chosen_b;
    wire sync_a = RESETMODE == "SYNC" && RSTA;
    wire sync_b = RESETMODE == "SYNC" && RSTB;
    wire async_a = RESETMODE == "ASYNC" && RSTA;
    wire async_b = RESETMODE == "ASYNC" && RSTB;
    wire write_a = ena && WEA && !sync_a;
    wire write_b = enb && WEB && !sync_b && !WIDE;

    reg [35:0] mem [0:511];

    integer n;
    task fill(input integer at, input [319:0] words);
        for (n = 0; n < 16; n = n + 2)
            mem[8 * at + n / 2] = {words[20 * n + 20 +: 18], words[20 * n +: 18]};
    endtask
    initial begin
        fill(0, INITVAL_00); fill(1, INITVAL_01); fill(2, INITVAL_02); fill(3, INITVAL_03);
        fill(4, INITVAL_04); fill(5, INITVAL_05); fill(6, INITVAL_06); fill(7, INITVAL_07);
        fill(8, INITVAL_08); fill(9, INITVAL_09); fill(10, INITVAL_0A); fill(11, INITVAL_0B);
        fill(12, INITVAL_0C); fill(13, INITVAL_0D); fill(14, INITVAL_0E); fill(15, INITVAL_0F);
        fill(16, INITVAL_10); fill(17, INITVAL_11); fill(18, INITVAL_12); fill(19, INITVAL_13);
        fill(20, INITVAL_14); fill(21, INITVAL_15); fill(22, INITVAL_16); fill(23, INITVAL_17);
        fill(24, INITVAL_18); fill(25, INITVAL_19); fill(26, INITVAL_1A); fill(27, INITVAL_1B);
        fill(28, INITVAL_1C); fill(29, INITVAL_1D); fill(30, INITVAL_1E); fill(31, INITVAL_1F);
        fill(32, INITVAL_20); fill(33, INITVAL_21); fill(34, INITVAL_22); fill(35, INITVAL_23);
        fill(36, INITVAL_24); fill(37, INITVAL_25); fill(38, INITVAL_26); fill(39, INITVAL_27);
        fill(40, INITVAL_28); fill(41, INITVAL_29); fill(42, INITVAL_2A); fill(43, INITVAL_2B);
        fill(44, INITVAL_2C); fill(45, INITVAL_2D); fill(46, INITVAL_2E); fill(47, INITVAL_2F);
        fill(48, INITVAL_30); fill(49, INITVAL_31); fill(50, INITVAL_32); fill(51, INITVAL_33);
        fill(52, INITVAL_34); fill(53, INITVAL_35); fill(54, INITVAL_36); fill(55, INITVAL_37);
        fill(56, INITVAL_38); fill(57, INITVAL_39); fill(58, INITVAL_3A); fill(59, INITVAL_3B);
        fill(60, INITVAL_3C); fill(61, INITVAL_3D); fill(62, INITVAL_3E); fill(63, INITVAL_3F);
    end

    // Where a port's bits lie in the 36. Every ninth bit is beyond ports of 1, 2 and 4 bits.
    function [5:0] place(input [4:0] low, input integer width);
        place = (width < 36 && low[4] ? 18 : 0) + (width < 18 && low[3] ? 9 : 0)
            + (width == 4 ? {low[2], 2'b0} : width == 2 ? {low[2:1], 1'b0}
               : width == 1 ? low[2:0] : 0);
    endfunction

    function [35:0] bits(input integer width);
        bits = (37'd1 << width) - 1;
    endfunction

    // What a port writes. Ports of 18 and 36 bits have byte enables in place of low address bits.
    function [35:0] mask(input [4:0] low, input integer width);
        mask = width == 36 ? {{9{low[3]}}, {9{low[2]}}, {9{low[1]}}, {9{low[0]}}}
            : width == 18 ? {{9{low[1]}}, {9{low[0]}}} << place(low, width)
            : bits(width) << place(low, width);
    endfunction

    wire [5:0] place_a = place(ada[4:0], DATA_WIDTH_A), place_b = place(adb[4:0], DATA_WIDTH_B);
    wire [35:0] mask_a = write_a ? mask(ada[4:0], DATA_WIDTH_A) : 0;
    wire [35:0] mask_b = write_b ? mask(adb[4:0], DATA_WIDTH_B) : 0;
    wire [35:0] data_a = WIDE ? {dib, dia} : dia << place_a;
    wire [35:0] data_b = dib << place_b;
    wire [35:0] old_a = mem[ada[13:5]], old_b = mem[adb[13:5]];
    wire [35:0] new_a = old_a & ~mask_a | data_a & mask_a;
    wire [35:0] new_b = old_b & ~mask_b | data_b & mask_b;
    wire same = ada[13:5] == adb[13:5];
    wire [35:0] seen_a = (WRITEMODE_A == "WRITETHROUGH" ? new_a : old_a) ^ (same ? mask_b : 0);
    wire [35:0] seen_b = (WRITEMODE_B == "WRITETHROUGH" ? new_b : old_b) ^ (same ? mask_a : 0);

    always @(posedge clka) if (write_a) mem[ada[13:5]] <= new_a;
    always @(posedge clkb) if (write_b) mem[adb[13:5]] <= new_b;

    reg [35:0] read_a = 0, read_b = 0, out_a = 0, out_b = 0;
    always @(posedge clka or posedge async_a)
        if (async_a) read_a <= 0;
        else if (sync_a) read_a <= 0;
        else if (ena && (!write_a || WRITEMODE_A != "NORMAL"))
            read_a <= (seen_a >> place_a) & bits(DATA_WIDTH_A);
    always @(posedge clkb or posedge async_b)
        if (async_b) read_b <= 0;
        else if (sync_b) read_b <= 0;
        else if (enb && (!write_b || WRITEMODE_B != "NORMAL"))
            read_b <= (seen_b >> place_b) & bits(DATA_WIDTH_B);

    always @(posedge clka or posedge async_a)
        if (async_a) out_a <= 0;
        else if (sync_a) out_a <= 0;
        else if (OCEA) out_a <= read_a;
    always @(posedge clkb or posedge async_b)
        if (async_b) out_b <= 0;
        else if (sync_b) out_b <= 0;
        else if (OCEB) out_b <= read_b;

    wire [35:0] a = REGMODE_A == "OUTREG" ? out_a : read_a;
    wire [35:0] b = REGMODE_B == "OUTREG" ? out_b : read_b;
    // A read of 36 bits has its lower half at the other port.
    wire half = DATA_WIDTH_B == 36;
    assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5,
        DOA4, DOA3, DOA2, DOA1, DOA0} = half ? b[17:0] : a[17:0];
    assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5,
        DOB4, DOB3, DOB2, DOB1, DOB0} = half ? b[35:18] : b[17:0];
endmodule
